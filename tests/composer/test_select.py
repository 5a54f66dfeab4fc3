"""Successive halving over the examples, on tiny adapters whose losses are known."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from composer.adapters import Adapter
from composer.alone import Alone
from composer.base_model import BaseModel
from composer.errors import SettingsError
from composer.evaluator import Evaluator
from composer.prompts import EncodedRow
from composer.select import select_modules, survivors
from tests.composer.test_compose import many


def test_the_best_modules_survive_with_fewer_evaluations(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    rows = encoded(base)
    adapters = many(mixed_adapters("llama"), 30)
    losses = Evaluator(base, adapters).mean_losses(np.eye(30), rows)
    selection = select_modules(Alone(base, adapters), rows, most=4)
    assert len(selection.kept) == 4
    # 30 on one example, then 17, 10, 7, 5 on one more each: 69 of 150 forwards.
    assert selection.evaluations == 14
    computed = ~np.isnan(selection.losses)
    assert computed.sum() == 5
    np.testing.assert_allclose(np.array(selection.losses)[computed], losses[computed], atol=1e-6)
    ranked = sorted(np.flatnonzero(computed), key=lambda i: losses[i])
    assert sorted(ranked[:4]) == selection.kept


def test_with_room_for_all_nobody_is_dropped(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    selection = select_modules(Alone(base, mixed_adapters("llama")), encoded(base), most=5)
    assert selection.kept == [0, 1, 2]
    assert selection.evaluations == 3


class Counting:
    """A probe of known losses, [n_modules, rows], that counts its forwards."""

    def __init__(self, losses: np.ndarray) -> None:
        self.table, self.count, self.forwards = losses, len(losses), 0

    def losses(self, indices: Sequence[int], rows: Sequence[int]) -> np.ndarray:
        self.forwards += len(indices) * len(rows)
        return self.table[list(indices)][:, list(rows)]


@pytest.mark.parametrize("count", [1, 5, 20, 64, 500])
@pytest.mark.parametrize("examples", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("budget", [1, 7, 64])
@pytest.mark.parametrize("most", [1, 20])
def test_the_budget_is_never_exceeded(count: int, examples: int, budget: int, most: int) -> None:
    evaluator = Counting(np.random.default_rng(0).random((count, examples)))
    selection = select_modules(evaluator, list(range(examples)), most=most, budget=budget)
    assert evaluator.forwards <= budget * examples
    assert evaluator.forwards <= selection.evaluations * examples <= budget * examples
    assert len(selection.kept) == min(most, budget, count)
    assert all(np.isfinite(np.array(selection.losses)[selection.kept]))


def test_200_candidates_are_all_tried_within_the_budget() -> None:
    assert survivors(200, 20, 5, 64) == [(1, 200), (2, 53), (3, 26), (4, 21), (5, 20)]
    assert survivors(64, 20, 5, 64) == [(1, 64), (2, 42), (3, 31), (4, 25), (5, 22)]
    assert select_modules(Counting(np.zeros((500, 5))), range(5), most=20).evaluations == 64
    assert survivors(500, 20, 5, 64)[0] == (1, 200)


def test_untried_modules_are_those_given_last_and_broken_ones_are_dropped() -> None:
    table = np.ones((100, 5))
    table[3] = 0.1
    table[7] = np.nan
    table[99] = 0.0  # the best, but beyond what 10 evaluations can try
    selection = select_modules(Counting(table), range(5), most=4, budget=10)
    assert 3 in selection.kept
    assert not {7, 99} & set(selection.kept)


def test_modules_that_overflow_are_kept_only_if_there_is_no_other() -> None:
    table = np.full((30, 5), np.nan)
    table[21] = 3.0
    assert select_modules(Counting(table), range(5), most=10).kept == [21]
    assert select_modules(Counting(np.full((30, 5), np.inf)), range(5), most=10).kept == [0]


def test_nonsense_is_refused() -> None:
    with pytest.raises(SettingsError, match="1 or more"):
        select_modules(Counting(np.ones((2, 2))), range(2), most=2, budget=0)
