"""Expected values: generate.evaluate_rows (transformers' own generate) on the model with the combination merged into it."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.decode import _read_and_continue, row_results
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.generate import evaluate_rows
from composer.limits import Limits
from composer.prompts import EncodedRow
from tests import tiny
from tests.composer.test_evaluator import dense_model

END = frozenset({1})
WEIGHTS = np.array([[0.5, -0.3, 0.2], [0.0, 0.0, 0.0], [1.1, 0.4, -0.7]])


@pytest.mark.parametrize("template", ["{input} {output}", "Answer this question of ours.\n{input} {output}"])
@pytest.mark.parametrize("kind", list(tiny.SAVERS))
def test_losses_and_answers_equal_those_of_the_merged_model(
    kind: str,
    template: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    results = row_results(Evaluator(base, adapters), WEIGHTS, examples, template, max_new_tokens=6)
    for weights, result in zip(WEIGHTS, results, strict=True):
        merged = dataclasses.replace(base, model=dense_model(base, "deltas", adapters, weights))
        expected = evaluate_rows(merged, examples, template, max_new_tokens=6)
        np.testing.assert_allclose(result.losses, expected.losses, atol=1e-5)
        assert result.answers == expected.answers
        assert result.correct == expected.correct


def test_rows_that_agree_with_the_expected_answer_for_a_while_go_on_from_there(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    evaluator = Evaluator(base, adapters, limits=Limits(tokens=200))
    gates = torch.tensor([[0.5, 0.5, 0.5], [1.0, 0.0, 0.0]])
    prompts = [[40 + i, *range(50, 60 + i)] for i in range(8)]
    free = _read_and_continue(evaluator, gates[:1], [EncodedRow(p, [7, 8, 1]) for p in prompts], 8, END)[1][0]
    assert max(len(tokens) for tokens in free) == 8
    for cut in (1, 3, 6):
        expected = [EncodedRow(p, [*tokens[:cut], 7, 8, 1]) for p, tokens in zip(prompts, free, strict=True)]
        assert _read_and_continue(evaluator, gates, expected, 8, END)[1][0] == free
