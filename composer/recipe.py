"""The file from which a composition is made again."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import composer

if TYPE_CHECKING:
    from composer.composition import Composition

FORMAT = 1
PACKAGES = ("torch", "transformers", "numpy", "scipy", "cma", "nevergrad")


def make_recipe(
    composition: "Composition", modules: Sequence[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Everything that decides the result, as JSON-able values. Its settings hold the prompt format that was used, also where
    template "auto" chose it.

    modules: one dict per module given to compose, with whatever identifies it to the caller (name, revision);
    the adapters' names if None. Each gets its "weight" and, where it was probed, the "loss" it had alone; where its groups of
    layers have weights of their own, these are its "layer_weights", the lowest layers first, and "weight" is their mean.
    """
    named = modules or [{"name": name} for name in composition.names]
    return {
        "format": FORMAT,
        "base_model": composition.base_model,
        "base_fingerprint": composition.base_fingerprint,
        "modules": [
            {**module, "weight": weight, "loss": probe, **({"layer_weights": layers} if layers else {})}
            for module, weight, probe, layers in zip(
                named,
                composition.weights,
                composition.probes,
                composition.layer_weights or [[]] * len(named),
                strict=True,
            )
        ],
        "method": composition.method,
        "optimizer": composition.optimizer,
        "objective": composition.objective,
        "settings": asdict(composition.settings) | asdict(composition.prompt),
        "examples_sha256": composition.examples_sha256,
        **({"prompts_tried": composition.prompts_tried} if composition.prompts_tried else {}),
        "examples": composition.example_count,
        "evaluations": composition.evaluations,
        "loss": composition.loss,
        "rank": composition.rank,
        "tuning": composition.tuning.to_json() if composition.tuning else None,
        "arithmetic": composition.arithmetic,
        "versions": {"composer": composer.__version__} | {name: version(name) for name in PACKAGES},
    }
