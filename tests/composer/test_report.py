"""Leave-one-out, tuning and contributions as compose() reports them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from composer.adapters import Adapter
from composer.base_model import BaseModel, parameters_digest
from composer.compose import compose
from composer.contributions import contributions
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.prompts import EncodedRow, encode_examples
from composer.settings import ComposeSettings

SETTINGS = ComposeSettings(budget=8, max_new_tokens=4, arms="basic")


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_without_held_out_rows_every_arm_is_measured_on_examples_left_out(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    before = parameters_digest(base.model)
    result = compose(base, adapters, examples, settings=replace(SETTINGS, arms="full"))
    assert result.measured_on == result.verdict["measured_on"] == "leave_one_out"
    assert 3 < result.validation_evaluations <= 3 + 5 * 8
    arms = {arm.key: arm for arm in result.arms}
    for arm in result.arms:
        assert [row["input"] for row in arm.answers] == [e.input for e in examples]
    # Arms that no example could flatter are as they would be measured directly.
    evaluator = Evaluator(base, adapters)
    rows = encode_examples(
        base.tokenizer, examples, SETTINGS.template, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    direct = evaluator.losses(np.array([[0, 0, 0], [1 / 3] * 3]), rows)
    np.testing.assert_allclose(arms["base"].row_losses, direct[0], atol=1e-4)
    np.testing.assert_allclose(arms["uniform"].row_losses, direct[1], atol=1e-4)
    # A trained rival has not seen the row either: on rows it has seen, it would be better than this.
    assert arms["in_context"].details["shots"] == 4
    assert arms["composition"].weights == result.weights
    assert parameters_digest(base.model) == before


def test_a_single_example_cannot_be_left_out_and_the_verdict_says_so(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    settings = replace(SETTINGS, tune_steps=3)
    result = compose(tiny_base("llama"), mixed_adapters("llama"), examples[:1], settings=settings)
    assert (result.measured_on, result.tuning, result.saved) == ("examples", None, "composition")
    assert "the 1 example it was searched on" in result.verdict["text"]


@pytest.mark.parametrize("held_out", [True, False])
def test_tuning_is_saved_only_if_it_answers_the_examples_left_out_better(
    held_out: bool,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    settings, holdout = replace(SETTINGS, tune_steps=2), examples[3:] if held_out else []
    for rate, expected in ((3e-3, "tuned"), (-3e-3, "composition")):  # the second one climbs
        monkeypatch.setattr("composer.tuning.LEARNING_RATE", rate)
        result = compose(base, adapters, examples[:3], holdout=holdout, settings=settings)
        assert result.tuning is not None
        curve = dict(result.tuning.curve)
        assert result.tuning.steps == min(curve, key=lambda steps: (curve[steps], steps))
        assert result.saved == result.verdict["mine"] == expected
        assert ("tuned" in {arm.key for arm in result.arms}) is (expected == "tuned")
        assert result.recipe()["tuning"]["saved"] is (expected == "tuned")
        by_key = {arm.key: arm for arm in result.arms}
        if held_out:  # what is saved is what was measured
            rows = encode_examples(base.tokenizer, holdout, SETTINGS.template, limit=base.context_length)
            again = Evaluator(base, [result.adapter]).losses(np.ones((1, 1)), rows)[0]
            np.testing.assert_allclose(again, by_key[expected].row_losses, atol=1e-4)


def test_a_contribution_is_the_loss_without_the_module_minus_the_loss_with_it(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    rows = encoded(base)
    evaluator = Evaluator(base, adapters)
    weights = np.array([0.4, 0.0, -1.2])
    parts = contributions(evaluator, ["a", "b", "c"], weights, [(weights, rows)])
    assert [(part.name, part.weight) for part in parts] == [("c", -1.2), ("a", 0.4)]
    whole, without = evaluator.mean_losses(np.array([weights, [0.4, 0.0, 0.0]]), rows)
    assert parts[0].gain == pytest.approx(without - whole, abs=1e-5)
    assert parts[0].low <= parts[0].gain <= parts[0].high
    assert parts[0].n == 5
