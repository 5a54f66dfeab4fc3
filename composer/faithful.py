"""What the published code computes, quirk by quirk: PyPI `lorahub` 0.1.0, as it runs with PEFT 0.21.2.

For comparison and for reproducing published weights: compose(method="faithful"); not for use. Parity with the package
itself is tested on a tiny T5 (tests/composer/test_faithful.py: equal weights and modules, equal loss). Its quirks:

1. Sum of factors    It adds up state dicts key by key, so a layer computes (sum w_i B_i)(sum w_i A_i): even in w, with
                     cross terms between the modules, and dependent on how each happens to be factored.
2. First's keys      Only the layers of the first module are summed, and all ranks must equal the first's. Each module is
                     loaded over the one before, under the same adapter name, so that one that lacks a layer counts there
                     with the factors of the module before it.
3. Last's scale      For the same reason one alpha / rank is in force for all: a layer's is that of the last module that
                     has the layer (the paper's modules all have the same).
4. Leftovers         A layer that a later module adapts and the first does not keeps that module's own update, whole,
                     whatever the weights.
5. Drift             The state dict that was kept of the last module shares its memory with the model, into which every
                     candidate is written. From the second evaluation on, the "last module" is the candidate before:
                     the loss depends on the order of the search, and the weights found do not reproduce it alone.
                     (So does that of an earlier module in the layers that no later one has.)
6. Divided twice     The loss is the mean over the answer tokens of a batch, so long answers weigh more; summed over the
                     batches; then divided by the number of examples. With one batch it is n times too small.
7. Penalty           0.05 * mean |w| is added to that, so it weighs n times more against the loss than it reads.
8. Duplicates        Modules are kept by name: one given twice counts once in the sum, twice in the penalty.

What a search does with the losses (NGOpt, bounds, start) is in composer.search.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from composer.adapters import Adapter, Factors
from composer.errors import IncompatibleAdapters

PENALTY = 0.05

Array = NDArray[np.float64]
State = dict[str, Factors]  # one module's state dict, for the layers of the first


def reference_modules(adapters: Sequence[Adapter]) -> list[Adapter]:
    """The adapters as the published code sees them: the first's layers, the last's scales (quirks 2 and 3).

    `combine_factors` of these, and so an Evaluator of method "factors", is its composition, but for quirks 4 and 5.
    Raises IncompatibleAdapters where it refuses: a rank or another size differs from the first's.
    """
    states = _loaded(adapters)
    return [
        replace(
            adapter,
            factors={layer: replace(f, scale=states[-1][layer].scale) for layer, f in state.items()},
        )
        for adapter, state in zip(adapters, states, strict=True)
    ]


def combine_faithful(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The composition that the published code evaluates first, quirks 1 to 4. weights: [n_modules]."""
    return next(replay(adapters, [weights]))


def replay(adapters: Sequence[Adapter], weights: Iterable[Sequence[float]]) -> Iterator[Adapter]:
    """The compositions of a whole search, one for each weight vector in their order, with the drift (quirk 5).

    With L_0 the last module: L_t = sum_{i<n} w_i M_i + w_n L_{t-1}, factor by factor. What the published search returns
    is one step more, at the weights it recommends.
    """
    drift = Drift(adapters)
    for vector in weights:
        yield drift.step(vector)


class Drift:
    """The modules in the memory of the published search, which every composition changes (quirk 5)."""

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        self._adapters = adapters
        self._states = _loaded(adapters)
        last = self._states[-1]
        self._live = [{layer for layer in state if state[layer] is last[layer]} for state in self._states]

    def step(self, weights: Sequence[float]) -> Adapter:
        """The next composition. weights: [n_modules]"""
        summed = {layer: _sum(layer, self._states, weights) for layer in self._states[0]}
        self._states = [
            {layer: summed[layer] if layer in shared else f for layer, f in state.items()}
            for state, shared in zip(self._states, self._live, strict=True)
        ]
        return replace(
            self._adapters[0], name="composition", factors={**_leftovers(self._adapters), **summed}
        )


def _loaded(adapters: Sequence[Adapter]) -> list[State]:
    """What is kept of each module. Where two entries are one object, they are one memory."""
    if not adapters:
        raise IncompatibleAdapters("there are no adapters to compose")
    first = adapters[0]
    states: list[State] = []
    for adapter in adapters:
        own = {layer: adapter.factors[layer] for layer in first.factors if layer in adapter.factors}
        for layer, f in own.items():
            expected = first.factors[layer]
            if (f.a.shape, f.b.shape) != (expected.a.shape, expected.b.shape):
                raise IncompatibleAdapters(
                    f"{adapter.name} cannot be added to {first.name}: {layer} has rank {f.rank}, or another size, "
                    f"where rank {expected.rank} is expected"
                )
        states.append({**(states[-1] if states else {}), **own})
    return states


def _sum(layer: str, states: Sequence[State], weights: Sequence[float]) -> Factors:
    parts = [(w, state[layer]) for w, state in zip(weights, states, strict=True)]
    a = torch.stack([w * f.a for w, f in parts]).sum(dim=0)
    b = torch.stack([w * f.b for w, f in parts]).sum(dim=0)
    return Factors(a, b, states[-1][layer].scale)


def _leftovers(adapters: Sequence[Adapter]) -> dict[str, Factors]:
    """The layers that the first does not adapt, each as the last module that does left it."""
    return {
        layer: f
        for adapter in adapters
        for layer, f in adapter.factors.items()
        if layer not in adapters[0].factors
    }


def published_loss(
    row_losses: Array, answer_tokens: Sequence[int], *, batch_size: int | None = None
) -> float:
    """Its loss of one candidate, in nats per answer token and example (quirk 6).

    row_losses: [rows], each the mean over the row's answer tokens; answer_tokens: [rows], how many, end token included.
    """
    count = len(row_losses)
    counts = np.asarray(answer_tokens, dtype=np.float64)
    size = count if batch_size is None else min(batch_size, count)
    total = 0.0
    for start in range(0, count, size):
        part = slice(start, start + size)
        total += float((row_losses[part] * counts[part]).sum() / counts[part].sum())
    return total / count


def published_penalty(weights: Sequence[float]) -> float:
    """0.05 * mean |w| (quirk 7)."""
    return PENALTY * sum(abs(w) for w in weights) / len(weights)


def published_objective(
    row_losses: Array,
    answer_tokens: Sequence[int],
    weights: Sequence[float],
    *,
    batch_size: int | None = None,
) -> float:
    """What its search minimises."""
    return published_loss(row_losses, answer_tokens, batch_size=batch_size) + published_penalty(weights)
