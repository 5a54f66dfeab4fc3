"""compose(method="faithful") against lorahub 0.1.0's own search on a tiny T5: the same weights, candidates and adapter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from composer.adapters import Adapter, load_adapter
from composer.base_model import BaseModel
from composer.compose import ComposeSettings, compose
from composer.errors import IncompatibleAdapters, SettingsError
from composer.examples import Example
from tests.composer.test_faithful import ROWS, SAME, Published, base, lorahub, modules

__all__ = ["base", "modules"]
pytestmark = pytest.mark.filterwarnings("ignore")  # of the package's own making
BUDGET = 9
SETTINGS = ComposeSettings(
    method="faithful", budget=BUDGET, template="{input}{output}", rank=64, max_new_tokens=2
)


@pytest.mark.parametrize("configs", [SAME, [{"seed": 1, "alpha": 8}, {"seed": 2, "alpha": 16}]])
def test_a_whole_run_is_that_of_the_package(
    configs: list[dict[str, Any]], base: BaseModel, modules: Callable[..., list[Path]]
) -> None:
    """The package computes our losses on our candidates; its search asks for these candidates when it is told our losses
    (its own differ by a rounding of float32, which is enough to send COBYLA elsewhere); and its final weights are ours."""
    import nevergrad

    folders = modules(configs)
    result = compose(base, [load_adapter(folder) for folder in folders], ROWS, settings=SETTINGS)
    assert (result.method, result.optimizer) == ("faithful", "ngopt")
    candidates = [g.candidates[0] for g in result.generations]
    ours = [g.objectives[0] for g in result.generations]

    published = Published(folders, base)
    assert [published.objective(weights) for weights in candidates] == pytest.approx(ours, abs=1e-5)

    # As lorahub_learning sets it up.
    count = len(folders)
    space = nevergrad.p.Array(init=[0] * count, upper=[1.5] * count, lower=[-1.5] * count)
    asked: list[np.ndarray] = []

    def told(weights: np.ndarray) -> float | None:
        asked.append(weights)
        return ours[len(asked) - 1]

    found = nevergrad.optimizers.NGOpt(parametrization=space, budget=BUDGET).minimize(told).value
    np.testing.assert_allclose(asked, candidates, atol=1e-4)  # we cut smaller weights to zero
    np.testing.assert_allclose(result.weights, found, atol=1e-4)

    final = lorahub.get_final_weights(result.weights, [str(f) for f in folders], published.cache)
    scale = configs[-1].get("alpha", 8) / 4
    for layer, f in result.adapter.factors.items():
        a = final[f"base_model.model.{layer}.lora_A.weight"]
        b = final[f"base_model.model.{layer}.lora_B.weight"]
        torch.testing.assert_close(f.dense(), scale * b @ a, atol=2e-3, rtol=2e-3)  # stored in 16 bits


def test_it_continues_from_every_generation_bit_for_bit(
    tiny_base: Callable[[str], BaseModel], tiny_module: Callable[..., Path], examples: list[Example]
) -> None:
    """On a causal model, which the package itself does not load."""
    given = [load_adapter(tiny_module("llama", seed=seed)) for seed in (1, 2, 3)]
    whole = compose(tiny_base("llama"), given, examples, settings=SETTINGS)
    assert len(whole.generations) == BUDGET
    for cut in (1, 5, BUDGET):
        again = compose(
            tiny_base("llama"), given, examples, settings=SETTINGS, history=whole.generations[:cut]
        )
        assert (again.weights, again.loss, again.generations) == (
            whole.weights,
            whole.loss,
            whole.generations,
        )


def test_where_it_cannot_be_had_it_says_why(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    with pytest.raises(IncompatibleAdapters, match="has rank 2, or another size, where rank 4 is expected"):
        compose(tiny_base("llama"), mixed_adapters("llama"), examples, settings=SETTINGS)
    few = ComposeSettings(method="faithful", max_modules=2)
    with pytest.raises(SettingsError, match="give at most 2 modules, not 3") as error:
        compose(tiny_base("llama"), mixed_adapters("llama"), examples, settings=few)
    assert error.value.code == "not_faithful"
    with pytest.raises(SettingsError, match="its optimizer is ngopt, not cma"):
        ComposeSettings(method="faithful", optimizer="cma")
    with pytest.raises(SettingsError, match="the published loss, not exact_match"):
        ComposeSettings(method="faithful", objective="exact_match")

    def mine(results: Any, examples: Any) -> float:
        return 0.0

    with pytest.raises(SettingsError, match="the published loss, not mine"):
        compose(tiny_base("llama"), mixed_adapters("llama"), examples, settings=SETTINGS, objective=mine)
