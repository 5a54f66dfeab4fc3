"""Gradient tuning of factors on every architecture: it learns, stops where it should, and leaves the model alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from composer.adapters import Adapter
from composer.base_model import BaseModel, parameters_digest
from composer.errors import SearchStopped
from composer.evaluator import Evaluator
from composer.folds import split
from composer.prompts import EncodedRow
from composer.tuning import Tuner, find_stop, train_fresh, tune
from tests import tiny

Encode = Callable[[BaseModel], list[EncodedRow]]


def loss(base: BaseModel, adapter: Adapter, rows: list[EncodedRow]) -> float:
    return float(Evaluator(base, [adapter]).mean_losses(np.ones((1, 1)), rows)[0])


@pytest.mark.parametrize("kind", list(tiny.SAVERS))
def test_tuning_lowers_the_loss_and_the_evaluator_agrees(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Encode,
) -> None:
    base, start = tiny_base(kind), mixed_adapters(kind)[0]
    rows, before = encoded(base), parameters_digest(base.model)
    tuner = Tuner(base, start, rows, rate=lambda step: 1e-2)
    np.testing.assert_allclose(np.mean(tuner.losses(rows)), loss(base, start, rows), atol=1e-5)
    for _ in range(5):
        tuner.step()
    np.testing.assert_allclose(np.mean(tuner.losses(rows)), loss(base, tuner.adapter, rows), atol=1e-5)
    assert loss(base, tuner.adapter, rows) < loss(base, start, rows) - 0.01
    assert parameters_digest(base.model) == before
    assert not any(module._forward_hooks for module in base.model.modules())


@pytest.mark.parametrize("kind", list(tiny.SAVERS))
def test_a_lora_from_scratch_learns_and_is_repeatable(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Encode,
) -> None:
    base = tiny_base(kind)
    rows = encoded(base)
    layers = {n: (f.b.shape[0], f.a.shape[1]) for n, f in mixed_adapters(kind)[0].factors.items()}
    one, same = (train_fresh(base, layers, rows, steps=8, seed=5) for _ in range(2))
    nothing = train_fresh(base, layers, rows, steps=0, seed=5)
    assert loss(base, one, rows) < loss(base, nothing, rows)
    assert all(torch.equal(f.b, same.factors[layer].b) for layer, f in one.factors.items())


def test_the_steps_are_those_that_answer_the_rows_left_out_best(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Encode,
) -> None:
    base, start = tiny_base("llama"), mixed_adapters("llama")[0]
    rows = encoded(base)
    folds = split(len(rows))
    stop = find_stop(base, [start] * len(folds), rows, folds, most=4)
    steps, curve = zip(*stop.curve, strict=True)
    assert steps == (0, 1, 2, 3, 4)
    assert stop.steps == steps[int(np.argmin(curve))]
    assert curve[0] == pytest.approx(loss(base, start, rows), abs=1e-5)
    # The curve is what tuning without a row does to that row.
    by_hand = []
    for fold in folds:
        tuned = tune(base, start, [rows[i] for i in fold.train], steps=2)
        by_hand.append(loss(base, tuned, [rows[i] for i in fold.left]))
    assert curve[2] == pytest.approx(np.mean(by_hand), abs=1e-5)
    assert len(stop.fold_steps) == len(folds)


def test_tuning_can_be_stopped_from_outside(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Encode,
) -> None:
    base = tiny_base("llama")
    calls = []

    def pulse() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise SearchStopped("enough")

    with pytest.raises(SearchStopped):
        tune(base, mixed_adapters("llama")[0], encoded(base), steps=10, pulse=pulse)
    assert len(calls) == 3
    assert not any(module._forward_hooks for module in base.model.modules())
