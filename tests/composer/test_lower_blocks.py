"""Adapters of upper layers only: the blocks below run once per pack, and the losses are those of the whole model."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.evaluator import Evaluator
from composer.prompts import EncodedRow
from tests.composer.test_evaluator import WEIGHTS, dense_model, plain_losses

PACKABLE = ["llama", "gpt2", "neox"]


def upper_only(adapters: list[Adapter]) -> list[Adapter]:
    """The adapters without what they change in the first of the two blocks."""
    return [replace(a, factors={n: f for n, f in a.factors.items() if ".0." not in n}) for a in adapters]


@pytest.mark.parametrize("method", ["deltas", "factors"])
@pytest.mark.parametrize("kind", PACKABLE)
def test_upper_adapters_give_the_losses_of_the_whole_model(
    kind: str,
    method: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base(kind), upper_only(mixed_adapters(kind))
    rows = encoded(base)
    losses = Evaluator(base, adapters, method=method).losses(WEIGHTS, rows)
    expected = [plain_losses(base, dense_model(base, method, adapters, w), rows) for w in WEIGHTS]
    np.testing.assert_allclose(losses, expected, atol=1e-5)


@pytest.mark.parametrize("kind", PACKABLE)
def test_blocks_below_run_once_for_all_candidates(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    rows = encoded(base)
    layer = next(n for n in adapters[0].factors if ".0." in n)
    tokens: list[int] = []
    handle = base.model.get_submodule(layer).register_forward_hook(
        lambda module, args, output: tokens.append(args[0].shape[:-1].numel())
    )
    try:
        whole = Evaluator(base, adapters)
        whole.losses(WEIGHTS[2:], rows)
        each = sum(tokens) // 2
        tokens.clear()
        upper = Evaluator(base, upper_only(adapters))
        upper.losses(WEIGHTS, rows)
        upper.losses(WEIGHTS + 0.1, rows)
        assert sum(tokens) == each  # eight candidates, one pass below
        upper.losses(WEIGHTS, rows[:2])
        assert sum(tokens) > each  # other rows have other states
    finally:
        handle.remove()
    assert not any("forward" in vars(m) or m._forward_pre_hooks for m in base.model.modules())


def test_one_module_of_a_lower_layer_is_enough_to_run_it_all(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    some = [*upper_only(adapters[:2]), adapters[2]]
    rows = encoded(base)
    losses = Evaluator(base, some).losses(WEIGHTS, rows)
    expected = [plain_losses(base, dense_model(base, "deltas", some, w), rows) for w in WEIGHTS]
    np.testing.assert_allclose(losses, expected, atol=1e-5)
