"""Which of many adapters are worth composing: each alone on ever more examples, the worse ones dropped each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from composer.errors import SettingsError

RUNGS = (1, 2, 3, 4)  # examples seen before the last rung, which sees all
LEAST_LEFT, MOST_LEFT = 0.18, 0.5  # of those above the number to keep, from rung to rung
BUDGET = 64  # evaluations of one adapter on all examples

Array = NDArray[np.float64]


class Probe(Protocol):
    """What tries adapters alone: composer.alone.Alone."""

    @property
    def count(self) -> int: ...

    def losses(self, indices: Sequence[int], rows: Sequence[Any]) -> Array:
        """[len(indices), rows]"""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """kept: indices of the adapters worth composing, in their given order. losses: the loss of each adapter alone on all
    examples, [n_modules], NaN for those dropped before. evaluations: of all examples; parts are added up and rounded."""

    kept: list[int]
    losses: list[float]
    evaluations: int


def select_modules(probe: Probe, rows: Sequence[Any], *, most: int, budget: int = BUDGET) -> Selection:
    """At most `most` of the adapters, by successive halving (arXiv:1502.07943) of their own losses.

    All are tried on one example, the better ones on a second, and so on, the best on all; `most` are kept. An adapter's loss
    on an example is computed once and kept from rung to rung. The adapters' order is their prior: of equal losses the first
    wins, and where the budget does not suffice to try all, those given last are not tried.
    budget: evaluations of all examples that are never exceeded; at most `budget` adapters are kept. Adapters whose loss is
    not finite are never kept, unless there is no other: then one is. Raises SettingsError.
    """
    if most < 1 or budget < 1:
        raise SettingsError(
            f"a selection of {most} modules within {budget} evaluations: both must be 1 or more"
        )
    count, examples = probe.count, len(rows)
    most = min(most, budget, count)
    alive = list(range(count))
    sums = np.zeros(count)
    used = seen = 0
    for rung, entering in survivors(count, most, examples, budget):
        alive = _best(alive, sums, entering)
        part = probe.losses(alive, rows[seen:rung])
        sums[alive] += np.where(np.isfinite(part), part, np.inf).sum(axis=1)
        used += len(alive) * (rung - seen)
        seen = rung
    losses = np.full(count, np.nan)
    losses[alive] = sums[alive] / examples
    kept = [i for i in _best(alive, sums, most) if np.isfinite(sums[i])] or alive[:1]
    return Selection(kept=kept, losses=losses.tolist(), evaluations=-(-used // examples))


def survivors(count: int, most: int, examples: int, budget: int) -> list[tuple[int, int]]:
    """The rungs as (examples seen after it, adapters that enter it), within budget * examples forwards of one example.

    What is above `most` shrinks by the same factor from rung to rung: a half, or less where the budget asks for it, but never
    below 0.18: rather are fewer tried at all.
    """
    rungs = sorted({*(r for r in RUNGS if r < examples), examples})
    steps = np.diff([0, *rungs])
    powers = np.arange(len(rungs))
    # What the kept ones need in the rungs to come is set aside, and that nobody is judged by the first rung alone.
    room = budget * examples - most * (examples - rungs[0])
    later = float((steps * LEAST_LEFT**powers)[1:].sum())
    first = min(count, int((room + most * later) / (rungs[0] + later) + 1e-9))
    left = budget * examples - first * rungs[0] - most * (examples - rungs[0])

    def extra(factor: float) -> Array:
        return np.floor((first - most) * factor**powers)

    low, high = 0.0, MOST_LEFT
    if (extra(high) * steps)[1:].sum() <= left:
        low = high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if (extra(middle) * steps)[1:].sum() <= left else (low, middle)
    return [(rung, most + int(more)) for rung, more in zip(rungs, extra(low), strict=True)]


def _best(alive: list[int], sums: Array, most: int) -> list[int]:
    """The `most` with the lowest sums, the first given of equal ones; in their given order."""
    return sorted(sorted(alive, key=lambda i: (sums[i], i))[:most])
