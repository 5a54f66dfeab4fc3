"""One way to answer, measured on rows, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.decode import row_results
from composer.evaluator import Evaluator
from composer.examples import Example, majority_share
from composer.generate import RowResults
from composer.prompts import PromptFormat

RESAMPLES = 2_000
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to answer, measured. loss: nats per answer token, mean over rows, with its 95 % bootstrap interval;
    exact_match: share of right answers, with its 95 % Wilson interval; weights: one per module, empty if it has none;
    answers: {"input", "expected", "answer", "correct", "loss"} of every row, and "option" where it has options; tokens:
    of the prompt, mean over rows;
    details: what else there is to say of it ("shots" of in-context learning; "steps" and "seconds" of a training).
    option_accuracy: share of the option_n rows with options whose right one is the likeliest per token, with its Wilson
    interval; option_accuracy_sum: by the summed log-likelihood; None without options. majority: share of the rows'
    most frequent answer, which saying always the same would get."""

    key: str
    label: str
    loss: float
    loss_low: float
    loss_high: float
    exact_match: float
    exact_low: float
    exact_high: float
    n: int
    weights: list[float]
    answers: list[dict[str, Any]]
    option_accuracy: float | None = None
    option_low: float | None = None
    option_high: float | None = None
    option_accuracy_sum: float | None = None
    option_n: int = 0
    majority: float | None = None
    tokens: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def row_losses(self) -> NDArray[np.float64]:
        return np.array([row["loss"] for row in self.answers])


@dataclass(frozen=True, slots=True)
class ArmSpec:
    """An arm to measure. gates: its weights of the evaluator's adapters; weights: those to report, of the modules."""

    key: str
    label: str
    gates: NDArray[np.float64]
    weights: list[float]
    details: dict[str, Any] = field(default_factory=dict)


def measure_arms(
    evaluator: Evaluator,
    specs: Sequence[ArmSpec],
    rows: Sequence[Example],
    prompt: PromptFormat | str,
    *,
    max_new_tokens: int = 32,
) -> list[Arm]:
    """All arms on all rows, in common batches."""
    weights = np.stack([spec.gates for spec in specs])
    results = row_results(evaluator, weights, rows, prompt, max_new_tokens=max_new_tokens)
    return [make_arm(spec, result, rows) for spec, result in zip(specs, results, strict=True)]


def make_arm(
    spec: ArmSpec, results: RowResults, rows: Sequence[Example], *, tokens: float | None = None
) -> Arm:
    losses = np.array(results.losses)
    loss_low, loss_high = mean_interval(losses)
    right = sum(results.correct)
    exact_low, exact_high = wilson_interval(right, len(rows))
    return Arm(
        key=spec.key,
        label=spec.label,
        loss=float(losses.mean()),
        loss_low=loss_low,
        loss_high=loss_high,
        exact_match=right / len(rows),
        exact_low=exact_low,
        exact_high=exact_high,
        n=len(rows),
        weights=spec.weights,
        answers=[
            {"input": row.input, "expected": row.output, "answer": answer, "correct": correct, "loss": loss}
            | ({"option": option.by_mean} if option else {})
            for row, answer, correct, loss, option in zip(
                rows,
                results.answers,
                results.correct,
                results.losses,
                results.options or [None] * len(rows),
                strict=True,
            )
        ],
        majority=majority_share(rows),
        **_option_figures(results),
        tokens=tokens,
        details=spec.details,
    )


def _option_figures(results: RowResults) -> dict[str, Any]:
    ranked = [choice for choice in results.options if choice is not None]
    if not ranked:
        return {}
    right = sum(choice.correct for choice in ranked)
    low, high = wilson_interval(right, len(ranked))
    return {
        "option_accuracy": right / len(ranked),
        "option_low": low,
        "option_high": high,
        "option_accuracy_sum": sum(choice.correct_by_sum for choice in ranked) / len(ranked),
        "option_n": len(ranked),
    }


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean, over rows; the same values give the same interval."""
    if not np.isfinite(values).all():
        return math.nan, math.nan
    draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927): honest for few rows, and for none or all right."""
    share, z2 = right / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
