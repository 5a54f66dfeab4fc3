"""Successive halving over the examples, on tiny adapters whose losses are known."""

from collections.abc import Callable

import numpy as np

from composer.adapters import Adapter
from composer.base_model import BaseModel
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
