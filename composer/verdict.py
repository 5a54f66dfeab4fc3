"""What the arms say together: whether the composition is worth using, what to use instead, in figures and in words."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from composer.arms import Arm, mean_interval

MeasuredOn = Literal["held_out", "leave_one_out", "examples"]
REPLACEMENTS = ("composition", "best_single", "uniform", "base")  # that can be had for the asking


def judge(arms: Sequence[Arm], *, measured_on: MeasuredOn, mine: str = "composition") -> dict[str, Any]:
    """The verdict: whether the result beats each other arm, by how much, in words, and which arm to use.

    mine: the arm of what is saved, "composition" or "tuned". gain_*: loss of the other minus that of mine, nats per answer
    token (positive: mine is better), with a paired 95 % bootstrap interval over the rows that both were measured on.
    beats_*: gain > 0. sure_*: the interval excludes zero. recommended: see `recommend`. harm: see `harms`.
    """
    by_key = {arm.key: arm for arm in arms}
    saved = by_key[mine]
    verdict: dict[str, Any] = {
        "held_out": measured_on == "held_out",
        "measured_on": measured_on,
        "mine": mine,
        "n": saved.n,
    }
    for key, arm in by_key.items():
        if key == mine:
            continue
        gains, exact = paired(arm, saved)
        low, high = mean_interval(gains)
        gain = float(gains.mean())
        verdict |= {
            f"beats_{key}": bool(gain > 0),
            f"sure_{key}": bool(low > 0),
            f"gain_{key}": gain,
            f"gain_{key}_low": low,
            f"gain_{key}_high": high,
            f"exact_gain_{key}": float(-exact.mean()),
        }
    best = min(arms, key=lambda arm: (not math.isfinite(arm.loss), arm.loss))
    verdict["best_arm"] = best.key
    verdict["recommended"] = recommend(arms, mine=mine)
    verdict["harm"] = harms(saved, by_key["base"])
    verdict["text"] = _sentence(by_key, verdict, saved)
    return verdict


def paired(arm: Arm, other: Arm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """arm minus other, row by row, in loss and in being right, over the rows of the shorter one (they begin alike)."""
    n = min(arm.n, other.n)
    right = [np.array([row["correct"] for row in x.answers[:n]], dtype=float) for x in (arm, other)]
    with np.errstate(invalid="ignore"):  # two losses may both be infinite
        losses = arm.row_losses[:n] - other.row_losses[:n]
    return losses, right[0] - right[1]


def harms(arm: Arm, base: Arm, *, points: float = 0.01) -> bool:
    """Whether an arm does harm: its loss is above the base model's, or its exact match more than `points` below."""
    losses, exact = paired(arm, base)
    return bool(not losses.mean() <= 0 or exact.mean() < -points)


def recommend(arms: Sequence[Arm], *, mine: str = "composition") -> str:
    """The key of the arm to use: the one of lowest loss that does no harm, mine unless another is better; else "base".

    To be had are mine, the plain composition, the best single module, the uniform mean and the base model. In-context
    learning is recommended only where it is surely better than the best of these, since every request pays for its
    examples. Exact matches count only against harm: on a few rows they are too coarse to rank by.
    """
    by_key = {arm.key: arm for arm in arms}
    base = by_key["base"]
    order = dict.fromkeys((mine, *REPLACEMENTS))
    safe = [by_key[key] for key in order if key in by_key and key != "base" and not harms(by_key[key], base)]
    best = min(safe, key=lambda arm: arm.loss, default=base)  # the first of equal ones
    shots = by_key.get("in_context")
    if shots is not None:
        gains, exact = paired(best, shots)
        if mean_interval(gains)[0] > 0 and exact.mean() <= 0:
            return shots.key
    return best.key


def _sentence(arms: dict[str, Arm], verdict: dict[str, Any], mine: Arm) -> str:
    base = arms["base"]
    rows = f"{mine.n} example{'s' * (mine.n != 1)}"
    where = {
        "held_out": f"on {mine.n} held-out row{'s' * (mine.n != 1)}",
        "leave_one_out": f"leave-one-out over the {rows}",
        "examples": f"on the {rows} it was searched on, which says little about other rows",
    }[verdict["measured_on"]]
    figures = (
        f"loss {mine.loss:.2f} against {base.loss:.2f} of the base model, "
        f"exact match {mine.exact_match:.0%} against {base.exact_match:.0%}, {where}"
    )
    subject = "The composition" + (", tuned afterwards," if mine.key == "tuned" else "")
    if not verdict["beats_base"]:
        text = f"No gain: {subject[0].lower()}{subject[1:]} is not better than the base model ({figures})."
        better = verdict["recommended"]
        return f"{text} {_offer(arms[better])}" if better != "base" else text
    opening = (
        f"{subject} beats the base model"
        if verdict["sure_base"]
        else f"{subject} is a little better than the base model"
    )
    text = f"{opening} ({figures})."
    if verdict["harm"]:
        text = f"{text} But it gets fewer rows right than the base model does."
    if single := arms.get("best_single"):
        against = f"the best single module (loss {single.loss:.2f}, exact match {single.exact_match:.0%})"
        if verdict["sure_best_single"]:
            text = f"{text} It also beats {against}."
        elif verdict["beats_best_single"]:
            text = f"{text} It is level with {against}."
        else:
            text = f"{text} But {against} does as well or better: consider that one alone."
    if verdict["recommended"] not in (mine.key, "best_single", "base"):
        text = f"{text} {_offer(arms[verdict['recommended']])}"
    return text


def _offer(arm: Arm) -> str:
    names = {
        "best_single": "the best single module",
        "uniform": "the uniform mean of the modules",
        "composition": "the composition without tuning",
        "in_context": "the base model with the examples in its prompt",
    }
    return f"Better is {names[arm.key]} (loss {arm.loss:.2f}, exact match {arm.exact_match:.0%})."
