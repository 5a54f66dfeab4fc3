"""Which of many adapters are worth composing: each alone on ever more examples, the worse half dropped each time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.errors import SettingsError
from composer.evaluator import Evaluator
from composer.prompts import EncodedRow

RUNGS = (1, 2)  # examples seen before the last rung, which sees all
BUDGET = 64  # evaluations of one adapter on all examples


@dataclass(frozen=True, slots=True)
class Selection:
    """kept: indices of the adapters worth composing, in their given order. losses: the loss of each adapter alone on all
    examples, [n_modules], NaN for those dropped before. evaluations: of all examples; parts are added up and rounded."""

    kept: list[int]
    losses: list[float]
    evaluations: int


def select_modules(
    evaluator: Evaluator, rows: Sequence[EncodedRow], *, most: int, budget: int = BUDGET
) -> Selection:
    """At most `most` of the evaluator's adapters, by successive halving (arXiv:1502.07943) of their own losses.

    After 1 and after 2 examples the better half stays (never fewer than `most`), after all examples the best `most`.
    An adapter's loss on an example is computed once and kept from rung to rung. budget: evaluations of all examples that are
    never exceeded. Where it does not suffice for that, adapters are dropped sooner, the untried ones from the end, so give
    the likeliest first; and at most `budget` are kept. Raises SettingsError.
    """
    if most < 1 or budget < 1:
        raise SettingsError(
            f"a selection of {most} modules within {budget} evaluations: both must be 1 or more"
        )
    count, examples = evaluator.count, len(rows)
    most = min(most, budget, count)
    left = budget * examples  # forwards of one example
    alive = list(range(count))
    sums = np.zeros(count)
    seen = 0
    for rung in sorted({*(r for r in RUNGS if r < examples), examples}):
        step = rung - seen
        # What the kept ones will need in the rungs to come is set aside.
        affordable = (left - most * (examples - rung)) // step
        alive = _best(alive, sums, affordable)
        gates = np.eye(count)[alive]
        part = evaluator.losses(gates, rows[seen:rung])
        sums[alive] += np.where(np.isfinite(part), part, np.inf).sum(axis=1)
        left -= len(alive) * step
        seen = rung
        if rung < examples:
            alive = _best(alive, sums, max(most, -(-len(alive) // 2)))
    losses = np.full(count, np.nan)
    losses[alive] = sums[alive] / examples
    used = budget * examples - left
    return Selection(kept=_best(alive, sums, most), losses=losses.tolist(), evaluations=-(-used // examples))


def _best(alive: list[int], sums: np.ndarray, most: int) -> list[int]:
    """The `most` with the lowest sums, the first given of equal ones; in their given order."""
    return sorted(sorted(alive, key=lambda i: (sums[i], i))[:most])
