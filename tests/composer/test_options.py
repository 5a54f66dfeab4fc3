"""Option ranking against one plain forward per option of the merged model."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from composer.adapters import Adapter, Factors
from composer.arms import ArmSpec, measure_arms, wilson_interval
from composer.base_model import BaseModel
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.options import rank_options
from composer.prompts import DEFAULT_TEMPLATE, EncodedRow, encode_example, encode_examples
from tests import tiny
from tests.composer.test_evaluator import dense_model, plain_losses

WEIGHTS = np.array([[0.5, -0.3, 0.2], [1.1, 0.4, -0.7]])
OPTIONS = ("yes", "no", "a much longer answer", "seven")
ROWS = [
    Example(f"question {i}", OPTIONS[i % 4], OPTIONS[: 4 - i % 2] if i % 4 < 3 else OPTIONS) for i in range(8)
]
FREE = Example("no options here", "x")


def encode(base: BaseModel, rows: list[Example]) -> list[EncodedRow]:
    return encode_examples(base.tokenizer, rows, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=512)


@pytest.mark.parametrize("kind", list(tiny.SAVERS))
def test_the_likeliest_option_is_that_of_the_merged_model(
    kind: str, tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    ranked = rank_options(Evaluator(base, adapters), WEIGHTS, encode(base, [*ROWS, FREE]), [*ROWS, FREE])
    differs = False
    for weights, choices in zip(WEIGHTS, ranked, strict=True):
        assert choices[-1] is None
        model = dense_model(base, "deltas", adapters, weights)
        for row, choice in zip(ROWS, choices, strict=False):
            tokens: list[Any] = [
                encode_example(
                    base.tokenizer,
                    Example(row.input, option),
                    DEFAULT_TEMPLATE,
                    seq2seq=base.is_seq2seq,
                    limit=512,
                )
                for option in row.options
            ]
            means = plain_losses(base, model, tokens)
            sums = [mean * len(t.answer) for mean, t in zip(means, tokens, strict=True)]
            assert choice is not None
            assert choice.by_mean == row.options[int(np.argmin(means))]
            assert choice.by_sum == row.options[int(np.argmin(sums))]
            assert choice.correct == (choice.by_mean == row.output)
            differs |= choice.by_mean != choice.by_sum
    assert differs  # the two rules are two


def test_an_arm_has_option_accuracy_with_its_interval_and_the_majority_beside_it(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    evaluator = Evaluator(tiny_base("llama"), mixed_adapters("llama"))
    spec = ArmSpec("x", "X", WEIGHTS[0], [])
    arm = measure_arms(evaluator, [spec], [*ROWS, FREE], DEFAULT_TEMPLATE, max_new_tokens=2)[0]
    ranked = rank_options(evaluator, WEIGHTS[:1], encode(evaluator.base, ROWS), ROWS)[0]
    right = sum(choice.correct for choice in ranked if choice)
    assert (arm.option_n, arm.option_accuracy) == (8, right / 8)
    assert (arm.option_low, arm.option_high) == wilson_interval(right, 8)
    assert arm.option_accuracy_sum == sum(c.correct_by_sum for c in ranked if c) / 8
    assert arm.majority == pytest.approx(2 / 9)
    assert arm.answers[0]["option"] == ranked[0].by_mean  # type: ignore[union-attr]
    assert "option" not in arm.answers[-1]
    free = measure_arms(evaluator, [spec], [FREE], DEFAULT_TEMPLATE, max_new_tokens=2)[0]
    assert (free.option_accuracy, free.option_n, free.majority) == (None, 0, 1.0)


def test_a_model_that_overflows_chooses_nothing(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    adapter = mixed_adapters("llama")[0]
    huge = {n: Factors(f.a * 1e30, f.b * 1e30, f.scale) for n, f in adapter.factors.items()}
    evaluator = Evaluator(tiny_base("llama"), [dataclasses.replace(adapter, factors=huge)])
    for choice in rank_options(evaluator, np.ones((1, 1)), encode(evaluator.base, ROWS), ROWS)[0]:
        assert choice is not None
        assert not choice.correct
        assert not choice.correct_by_sum
