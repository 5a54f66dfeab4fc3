"""Successive halving over the examples, on tiny adapters whose losses are known."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.errors import SettingsError
from composer.evaluator import Evaluator
from composer.prompts import EncodedRow
from composer.select import select_modules
from tests.composer.test_compose import many


def test_the_best_modules_survive_with_fewer_evaluations(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    rows = encoded(base)
    evaluator = Evaluator(base, many(mixed_adapters("llama"), 30))
    losses = evaluator.mean_losses(np.eye(30), rows)
    selection = select_modules(evaluator, rows, most=4)
    assert len(selection.kept) == 4
    # 30 on one example, 15 on the second, 8 on the other three: 69 of 150 forwards.
    assert selection.evaluations == 14
    computed = ~np.isnan(selection.losses)
    assert computed.sum() == 8
    np.testing.assert_allclose(np.array(selection.losses)[computed], losses[computed], atol=1e-6)
    ranked = sorted(np.flatnonzero(computed), key=lambda i: losses[i])
    assert sorted(ranked[:4]) == selection.kept


def test_with_room_for_all_nobody_is_dropped(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    selection = select_modules(Evaluator(base, mixed_adapters("llama")), encoded(base), most=5)
    assert selection.kept == [0, 1, 2]
    assert selection.evaluations == 3


class Counting:
    """An evaluator of known losses, [n_modules, rows], that counts its forwards."""

    def __init__(self, losses: np.ndarray) -> None:
        self.table, self.count, self.forwards = losses, len(losses), 0

    def losses(self, gates: np.ndarray, rows: Sequence[int]) -> np.ndarray:
        self.forwards += len(gates) * len(rows)
        return self.table[gates.argmax(axis=1)][:, list(rows)]


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


def test_64_modules_and_5_examples_need_half_of_the_budget() -> None:
    evaluator = Counting(np.random.default_rng(1).random((64, 5)))
    assert select_modules(evaluator, range(5), most=20).evaluations == 32  # (64 + 32 + 20 x 3) / 5
    assert select_modules(Counting(np.zeros((500, 5))), range(5), most=20).evaluations == 64


def test_untried_modules_are_those_given_last_and_broken_ones_are_dropped() -> None:
    table = np.ones((100, 5))
    table[3] = 0.1
    table[7] = np.nan
    table[99] = 0.0  # the best, but beyond what 10 evaluations can try
    selection = select_modules(Counting(table), range(5), most=4, budget=10)
    assert 3 in selection.kept
    assert not {7, 99} & set(selection.kept)


def test_nonsense_is_refused() -> None:
    with pytest.raises(SettingsError, match="1 or more"):
        select_modules(Counting(np.ones((2, 2))), range(2), most=2, budget=0)
