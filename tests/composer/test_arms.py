"""Intervals against published values, and what an arm keeps."""

import math

import numpy as np
import pytest

from composer.arms import Arm, ArmSpec, make_arm, mean_interval, wilson_interval
from composer.examples import Example
from composer.generate import RowResults

ROWS = [Example(f"question {i}", "yes") for i in range(20)]
NOISE = np.tile([0.05, -0.05], 10)


def arm(key: str, loss: float, right: int, noise: np.ndarray | float = NOISE) -> Arm:
    results = RowResults(
        losses=(loss + noise * np.ones(20)).tolist(),
        answers=["yes"] * right + ["no"] * (20 - right),
        correct=[True] * right + [False] * (20 - right),
    )
    return make_arm(ArmSpec(key, key, np.zeros(1), [0.0]), results, ROWS)


def test_wilson_intervals_are_the_published_ones() -> None:
    # Newcombe 1998, table I: 81/263 -> .2553 to .3662; 0/20 -> 0 to .1611.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(20, 20)[1] == 1.0


def test_the_interval_of_a_mean_is_near_the_normal_one_and_repeatable() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, 400)
    low, high = mean_interval(values)
    assert (low, high) == mean_interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_a_mean_over_values_that_are_not_finite_has_no_interval() -> None:
    assert all(math.isnan(end) for end in mean_interval(np.array([1.0, math.inf])))


def test_an_arm_keeps_every_answer() -> None:
    made = arm("composition", 0.5, 15)
    assert (made.n, made.exact_match) == (20, 0.75)
    assert made.answers[19] | {"loss": 0} == {
        "input": "question 19",
        "expected": "yes",
        "answer": "no",
        "correct": False,
        "loss": 0,
    }
