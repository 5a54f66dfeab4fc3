"""Measuring without held-out rows: search on some of the examples, measure on the others.

The few-shot loss flatters what was searched on it. Leave-one-out (more than five examples: five folds) runs the same
search without an example, from the probes that are known per example, and looks at the one left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.prompts import EncodedRow
from composer.search import make_search
from composer.search.parts import Parts
from composer.settings import MOST_FOLDS, MOST_PAID, ComposeSettings

Array = NDArray[np.float64]
Values = Callable[[Array, Sequence[EncodedRow]], Array]


@dataclass(frozen=True, slots=True)
class Fold:
    """Indices of the examples searched on, and of those left out."""

    train: list[int]
    left: list[int]


def split(count: int) -> list[Fold]:
    """Folds of `count` examples: each is left out once, alone if there are five or fewer; none for a single example."""
    if count < 2:
        return []
    folds = min(count, MOST_FOLDS)
    return [
        Fold([i for i in range(count) if i % folds != k], [i for i in range(count) if i % folds == k])
        for k in range(folds)
    ]


def find_weights(
    values: Values,
    rows: Sequence[EncodedRow],
    settings: ComposeSettings,
    optimizer: str,
    probes: Array,
    parts: Parts | None = None,
) -> tuple[Array, int]:
    """The weights that the search finds on the rows, [n_parts], and the evaluations that it had to pay.

    parts: None for modules in one piece. values: candidates [population, n_parts] and rows -> their losses, [population].
    probes: the loss of each module alone on every one of the rows, [n_modules, rows]; asking for one of them costs nothing.
    """
    own = probes.mean(axis=1)
    count = len(own)
    parts = parts or Parts.uncut(count)
    search = make_search(
        optimizer,
        count=count,
        budget=min(settings.budget, count + 1 + MOST_PAID),
        seed=settings.seed,
        bound=settings.bound,
        penalty=settings.penalty,
        parts=parts,
    )
    paid = 0
    try:
        while len(candidates := search.ask()):
            known = parts.alone(candidates)
            losses = own[parts.means(candidates).argmax(axis=1)]
            if not known.all():
                losses[~known] = values(candidates[~known], rows)
                paid += int((~known).sum())
            search.tell(losses)
        return search.finalists(1)[0], paid
    finally:
        search.close()


def fold_weights(
    values: Values,
    rows: Sequence[EncodedRow],
    settings: ComposeSettings,
    optimizer: str,
    probes: Array,
    folds: Sequence[Fold],
    parts: Parts | None = None,
) -> tuple[Array, int]:
    """The weights found without each fold's left-out rows, [folds, n_parts], and the evaluations paid for them.

    probes: [n_modules, len(rows)]. An evaluation of a part of the rows counts as that part, rounded up at the end.
    """
    found, paid = [], 0.0
    for fold in folds:
        weights, evaluations = find_weights(
            values, [rows[i] for i in fold.train], settings, optimizer, probes[:, fold.train], parts
        )
        found.append(weights)
        paid += evaluations * len(fold.train) / len(rows)
    return np.array(found), int(np.ceil(paid - 1e-9))
