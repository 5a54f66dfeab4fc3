"""Leave-one-out: every example is left out once, and the search sees nothing of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from composer.folds import Fold, find_weights, fold_weights, split
from composer.prompts import EncodedRow
from composer.settings import MOST_PAID, ComposeSettings

# Each module answers one row well: the row's loss is the square of what is missing of that module.
ROWS = [EncodedRow([index], [0]) for index in range(3)]


def losses(candidates: np.ndarray, rows: Sequence[EncodedRow]) -> np.ndarray:
    """[population, rows]"""
    return np.stack([np.square(1 - candidates[:, row.prompt[0]]) for row in rows], axis=1)


def values(candidates: np.ndarray, rows: Sequence[EncodedRow]) -> np.ndarray:
    return losses(candidates, rows).mean(axis=1)


@pytest.mark.parametrize(("count", "folds"), [(1, 0), (2, 2), (5, 5), (12, 5)])
def test_every_example_is_left_out_once(count: int, folds: int) -> None:
    made = split(count)
    assert len(made) == folds
    assert sorted(i for fold in made for i in fold.left) == list(range(count)) * bool(folds)
    for fold in made:
        assert sorted(fold.train + fold.left) == list(range(count))
        assert fold.train


def test_a_fold_finds_nothing_of_the_row_left_out() -> None:
    probes = losses(np.eye(3), ROWS)
    weights, paid = fold_weights(
        values, ROWS, ComposeSettings(budget=20), "probe", probes, [Fold([0, 1], [2]), Fold([1, 2], [0])]
    )
    # Module 2 is of no use to rows 0 and 1, so it gets less than they do; and the other way round.
    assert weights[0, 2] < min(weights[0, 0], weights[0, 1])
    assert weights[1, 0] < min(weights[1, 1], weights[1, 2])
    assert 0 < paid < 2 * 20


def test_probes_are_looked_up_and_what_is_paid_is_bounded() -> None:
    probes = losses(np.eye(3), ROWS)
    asked = []

    def count(candidates: np.ndarray, rows: Sequence[EncodedRow]) -> np.ndarray:
        asked.append(len(candidates))
        assert not any((row == 1).sum() == 1 and (row == 0).sum() == 2 for row in candidates)
        return values(candidates, rows)

    _, paid = find_weights(count, ROWS, ComposeSettings(budget=2000), "random", probes)
    assert paid == sum(asked) <= MOST_PAID + 4
