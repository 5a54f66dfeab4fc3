"""The verdict: its sentences, what it recommends, and when it speaks of harm."""

from dataclasses import replace

import numpy as np
import pytest

from composer.arms import Arm
from composer.verdict import harms, judge, recommend
from tests.composer.test_arms import arm


def test_a_clear_gain_is_said_with_its_figures() -> None:
    arms = [
        arm("base", 4.0, 0),
        arm("best_single", 1.0, 8),
        arm("uniform", 2.0, 4),
        arm("composition", 0.5, 15),
    ]
    verdict = judge(arms, measured_on="held_out")
    assert verdict["beats_base"]
    assert verdict["sure_base"]
    assert verdict["beats_best_single"]
    assert verdict["gain_base"] == pytest.approx(3.5)
    assert verdict["exact_gain_base"] == 0.75
    assert verdict["best_arm"] == "composition"
    assert verdict["text"].startswith("The composition beats the base model (loss 0.50 against 4.00")
    assert "on 20 held-out rows" in verdict["text"]


def test_a_single_module_that_does_as_well_is_named() -> None:
    arms = [arm("base", 4.0, 0), arm("best_single", 0.4, 16), arm("composition", 0.5, 15)]
    verdict = judge(arms, measured_on="held_out")
    assert not verdict["beats_best_single"]
    assert verdict["text"].endswith("does as well or better: consider that one alone.")


def test_no_gain_is_said_first() -> None:
    verdict = judge([arm("base", 0.4, 16), arm("composition", 0.5, 15)], measured_on="held_out")
    assert verdict["beats_base"] is False
    assert verdict["text"].startswith("No gain")
    assert verdict["best_arm"] == "base"


def test_figures_on_the_examples_themselves_are_marked() -> None:
    verdict = judge([arm("base", 4.0, 0), arm("composition", 0.5, 15)], measured_on="examples")
    assert "the 20 examples it was searched on, which says little about other rows" in verdict["text"]


def test_leave_one_out_is_named() -> None:
    verdict = judge([arm("base", 4.0, 0), arm("composition", 0.5, 15)], measured_on="leave_one_out")
    assert "leave-one-out over the 20 examples" in verdict["text"]
    assert (verdict["held_out"], verdict["measured_on"]) == (False, "leave_one_out")


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ([arm("base", 4.0, 0), arm("best_single", 1.0, 8), arm("composition", 0.5, 15)], "composition"),
        ([arm("base", 4.0, 0), arm("best_single", 0.5, 15), arm("composition", 0.5, 15)], "composition"),
        ([arm("base", 4.0, 0), arm("best_single", 0.4, 15), arm("composition", 0.5, 15)], "best_single"),
        ([arm("base", 4.0, 0), arm("uniform", 0.4, 15), arm("composition", 0.5, 15)], "uniform"),
        ([arm("base", 0.4, 16), arm("best_single", 0.6, 9), arm("composition", 0.5, 15)], "base"),
        # A lower loss does not help where fewer rows are right than without any module.
        ([arm("base", 4.0, 16), arm("composition", 0.5, 15)], "base"),
        # What nobody can be given is never recommended.
        ([arm("base", 4.0, 0), arm("tuned_lora", 0.1, 20), arm("composition", 0.5, 15)], "composition"),
        ([arm("base", 4.0, 0), arm("in_context", 0.4, 20), arm("composition", 0.5, 15)], "in_context"),
        ([arm("base", 4.0, 0), arm("in_context", 0.4, 14), arm("composition", 0.5, 15)], "composition"),
    ],
)
def test_the_best_arm_that_does_no_harm_is_recommended(arms: list[Arm], expected: str) -> None:
    assert recommend(arms) == expected
    assert judge(arms, measured_on="held_out")["recommended"] == expected


def test_a_tuned_result_is_judged_itself_and_the_plain_one_offered() -> None:
    arms = [arm("base", 4.0, 0), arm("composition", 0.5, 15), arm("tuned", 0.7, 12)]
    verdict = judge(arms, measured_on="held_out", mine="tuned")
    assert (verdict["beats_composition"], verdict["recommended"]) == (False, "composition")
    assert verdict["text"].startswith("The composition, tuned afterwards, beats the base model")
    assert verdict["text"].endswith("Better is the composition without tuning (loss 0.50, exact match 75%).")


def test_harm_is_a_worse_loss_or_more_than_a_point_fewer_right() -> None:
    base = arm("base", 1.0, 10)
    assert not harms(arm("composition", 0.9, 10), base)
    assert harms(arm("composition", 1.1, 12), base)
    assert harms(arm("composition", 0.9, 9), base)
    assert not harms(arm("composition", 0.9, 9), base, points=0.05)


def test_arms_on_fewer_rows_are_compared_on_those() -> None:
    composition = arm("composition", 0.5, 20, np.linspace(0, 1, 20))
    few = arm("in_context", 0.6, 20)
    few = replace(few, n=5, answers=few.answers[:5])
    verdict = judge([arm("base", 4.0, 0), few, composition], measured_on="held_out")
    expected = few.row_losses - composition.row_losses[:5]
    assert verdict["gain_in_context"] == pytest.approx(expected.mean())
