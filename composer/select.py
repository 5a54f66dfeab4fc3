"""Which of many adapters are worth composing: each alone on ever more examples, the worse half dropped each time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from composer.evaluator import Evaluator
from composer.prompts import EncodedRow

RUNGS = (1, 2)  # examples seen before the last rung, which sees all


@dataclass(frozen=True, slots=True)
class Selection:
    """kept: indices of the adapters worth composing, in their given order. losses: the loss of each adapter alone on all
    examples, [n_modules], NaN for those dropped before. evaluations: of all examples; parts are added up and rounded."""

    kept: list[int]
    losses: list[float]
    evaluations: int


def select_modules(evaluator: Evaluator, rows: Sequence[EncodedRow], *, most: int) -> Selection:
    """At most `most` of the evaluator's adapters, by successive halving (arXiv:1502.07943) of their own losses.

    After 1 and after 2 examples the better half stays (never fewer than `most`), after all examples the best `most`.
    An adapter's loss on an example is computed once and kept from rung to rung.
    """
    count = evaluator.count
    alive = list(range(count))
    sums = np.zeros(count)
    seen = forwards = 0
    for rung in sorted({*(r for r in RUNGS if r < len(rows)), len(rows)}):
        gates = np.eye(count)[alive]
        part = evaluator.losses(gates, rows[seen:rung])
        sums[alive] += np.where(np.isfinite(part), part, np.inf).sum(axis=1)
        forwards += len(alive) * (rung - seen)
        seen = rung
        if rung < len(rows):
            alive = _best(alive, sums, max(most, -(-len(alive) // 2)))
    losses = np.full(count, np.nan)
    losses[alive] = sums[alive] / len(rows)
    return Selection(
        kept=_best(alive, sums, most), losses=losses.tolist(), evaluations=-(-forwards // len(rows))
    )


def _best(alive: list[int], sums: np.ndarray, most: int) -> list[int]:
    return sorted(sorted(alive, key=lambda i: (sums[i], i))[:most])
