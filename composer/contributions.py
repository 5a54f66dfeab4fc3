"""What each module adds to a composition: its loss without the module minus its loss with it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.arms import mean_interval
from composer.evaluator import Evaluator
from composer.prompts import EncodedRow
from composer.search.parts import Parts
from composer.settings import CONTRIBUTION_ROWS

Array = NDArray[np.float64]
MOST_MODULES = 12  # of the largest weights


@dataclass(frozen=True, slots=True)
class Contribution:
    """One module's part. module: its index among the adapters given; weight: in the composition; gain: nats per answer token
    that the loss rises by when this weight alone is set to zero (below zero: the composition is better without it), with a
    paired 95 % bootstrap interval over n rows."""

    module: int
    name: str
    weight: float
    gain: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def contributions(
    evaluator: Evaluator,
    names: Sequence[str],
    weights: Array,
    groups: Sequence[tuple[Array, Sequence[EncodedRow]]],
    cut: Parts | None = None,
) -> list[Contribution]:
    """Of the modules with a weight, the largest weights first.

    names: of the modules; cut: which part is whose (None: modules in one piece). weights: [n_parts], those of the result.
    groups: weights [n_parts] and the rows on which they are measured: the result's own with the held-out rows, or each
    fold's with those it left out; at most CONTRIBUTION_ROWS in all.
    """
    cut = cut or Parts.uncut(len(names))
    means = cut.means(weights)
    order: list[int] = sorted(np.flatnonzero(means).tolist(), key=lambda i: -abs(means[i]))[:MOST_MODULES]
    parts, left = [], CONTRIBUTION_ROWS
    for group, rows in groups:
        if not left:
            break
        without = np.repeat(group[None], len(order) + 1, axis=0)
        for row, module in enumerate(order):  # the last row stays whole
            without[row, cut.of_module(module)] = 0.0
        parts.append(evaluator.losses(without, rows[:left]))
        left -= len(rows[:left])
    losses = np.concatenate(parts, axis=1)  # [modules + 1, rows]
    found = []
    with np.errstate(invalid="ignore"):  # two losses may both be infinite
        gains = losses[:-1] - losses[-1]
    for index, gain in zip(order, gains, strict=True):
        low, high = mean_interval(gain)
        found.append(
            Contribution(index, names[index], float(means[index]), float(gain.mean()), low, high, len(gain))
        )
    return found
