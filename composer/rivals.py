"""What a composition is compared with: the other ways to use the same modules and examples, each as one adapter."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.decode import encoded_results
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.generate import RowResults, answer_budget, is_exact_match
from composer.in_context import cut, with_shots
from composer.methods import combine
from composer.placebo import random_like
from composer.prompts import EncodedRow
from composer.search.parts import Parts
from composer.settings import EXTRA_ROWS
from composer.tuning import train_fresh

Array = NDArray[np.float64]
EVALUATIONS_PER_STEP = 2  # forward and backward; the frozen weights need no gradient, which would be a third
EXTRA = ("in_context", "placebo", "tuned_lora")  # the arms of "full"


@dataclass(frozen=True, slots=True)
class Rival:
    """One way to answer. adapter: None is the bare base model. shots: examples that its prompts begin with."""

    key: str
    label: str
    weights: list[float]
    adapter: Adapter | None = None
    shots: Sequence[EncodedRow] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Makings:
    """What rivals are made from. adapters: those searched over, [n_parts], cut as `cut` says (None: modules in one piece);
    compute: evaluations that the search took, those of the selection included."""

    base: BaseModel
    adapters: Sequence[Adapter]
    method: str
    compute: int
    seed: int
    full: bool
    pulse: Callable[[], None]
    cut: Parts | None = None

    @property
    def parts(self) -> Parts:
        return self.cut or Parts.uncut(len(self.adapters))

    def lineup(
        self, rows: Sequence[EncodedRow], alone: Array, weights: Array, composition: Adapter
    ) -> list[Rival]:
        """The arms that the rows (the examples, encoded) allow, in the order of a table.

        alone: [n_modules], each module's own loss on the rows, not finite where it is not known; weights: [n_parts].
        """
        named = self.named(alone, weights)
        adapters: dict[str, Adapter | None] = {"base": None, "composition": composition}
        adapters["best_single"] = self._mix(named["best_single"][1])
        adapters["uniform"] = self._mix(named["uniform"][1])
        shots: dict[str, Sequence[EncodedRow]] = {}
        details: dict[str, dict[str, Any]] = {}
        if self.full:
            used = np.flatnonzero(weights).tolist()
            random = random_like([self.adapters[i] for i in used], seed=self.seed) or [self.adapters[0]]
            adapters["in_context"], shots["in_context"] = None, rows
            adapters["placebo"] = combine(self.method, random, list(weights[used]) or [0.0])
            adapters["tuned_lora"], details["tuned_lora"] = self._trained(rows, weights)
        return [
            Rival(key, label, values, adapters[key], shots.get(key, ()), details.get(key, {}))
            for key, (label, values) in named.items()
            if key in adapters
        ]

    def named(self, alone: Array, weights: Array) -> dict[str, tuple[str, list[float]]]:
        """Label and weights [n_parts] of every arm, in the order of a table; zeros where weights say nothing of it."""
        none = [0.0] * len(self.adapters)
        best = int(np.argmin(np.where(np.isfinite(alone), alone, np.inf)))
        parts = self.parts
        uniform = np.full(len(self.adapters), 1 / parts.count)
        return {
            "base": ("Base model", none),
            "in_context": ("The examples in the prompt", none),
            "best_single": (
                f"Best single module ({self.adapters[parts.of_module(best)[0]].name})",
                [float(owner == best) for owner in parts.owner],
            ),
            "uniform": ("Uniform mean", uniform.tolist()),
            "placebo": ("Random modules (placebo)", none),
            "tuned_lora": ("LoRA tuned on the examples", none),
            "composition": ("Composition", weights.tolist()),
        }

    def _trained(self, rows: Sequence[EncodedRow], weights: Array) -> tuple[Adapter, dict[str, Any]]:
        """A LoRA for as many floating-point operations as the search took, in the layers of the modules used."""
        began = time.perf_counter()
        steps = max(1, round(self.compute / EVALUATIONS_PER_STEP))
        used = [self.adapters[i] for i in np.flatnonzero(weights).tolist()] or self.adapters[:1]
        layers = {n: (f.b.shape[0], f.a.shape[1]) for adapter in used for n, f in adapter.factors.items()}
        adapter = train_fresh(self.base, layers, rows, steps=steps, seed=self.seed, pulse=self.pulse)
        return adapter, {"steps": steps, "seconds": time.perf_counter() - began}

    def _mix(self, weights: Sequence[float]) -> Adapter:
        used = [i for i, weight in enumerate(weights) if weight]
        return combine(self.method, [self.adapters[i] for i in used], [weights[i] for i in used])


@dataclass(frozen=True, slots=True)
class Measured:
    """results: of the first rows, all or (an arm of "full") the first EXTRA_ROWS; tokens: of each one's prompt."""

    rival: Rival
    results: RowResults
    tokens: list[int]


def measure_rivals(
    base: BaseModel,
    rivals: Sequence[Rival],
    rows: Sequence[EncodedRow],
    examples: Sequence[Example],
    *,
    max_new_tokens: int,
    pulse: Callable[[], None],
) -> list[Measured]:
    """All rivals on the rows, in common batches; rows[i] asks for the output of examples[i]."""
    adapters = [r.adapter for r in rivals if r.adapter is not None]
    evaluator = Evaluator(base, adapters, pulse=pulse)
    gates = np.zeros((len(rivals), len(adapters)))
    gates[[i for i, r in enumerate(rivals) if r.adapter is not None], np.arange(len(adapters))] = 1.0
    ends = frozenset({int(base.tokenizer.eos_token_id), *(row.answer[-1] for row in rows)})
    found: dict[str, Measured] = {}

    def measure(keys: list[str], asked: Sequence[EncodedRow], details: dict[str, Any]) -> None:
        indices = [i for i, r in enumerate(rivals) if r.key in keys]
        if not indices:
            return
        results = encoded_results(
            evaluator,
            gates[indices],
            asked,
            examples[: len(asked)],
            ends=ends,
            max_new_tokens=max_new_tokens,
        )
        tokens = [len(row.prompt) for row in asked]
        for index, result in zip(indices, results, strict=True):
            rivals[index].details.update(details)
            found[rivals[index].key] = Measured(rivals[index], result, tokens)

    few = rows[:EXTRA_ROWS]
    measure([r.key for r in rivals if r.key not in EXTRA], rows, {})
    measure(["placebo", "tuned_lora"], few, {})
    for rival in rivals:
        if rival.shots:
            asked, count = with_shots(
                few,
                rival.shots,
                base.tokenizer,
                seq2seq=base.is_seq2seq,
                limit=base.context_length,
                answer_room=answer_budget(base, examples, maximum=max_new_tokens),
            )
            measure([rival.key], asked, {"shots": count})
            results = found[rival.key].results
            results.answers[:] = [cut(a, e.output) for a, e in zip(results.answers, examples, strict=False)]
            results.correct[:] = [
                is_exact_match(a, e.output) for a, e in zip(results.answers, examples, strict=False)
            ]
    return [found[rival.key] for rival in rivals]
