"""Evaluations that are not yet rows: as a worker measured them, or as a card claims them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.registry.models import Evaluation, Revision
from hub.registry.services.errors import Problem


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """One row of Evaluation, not yet of a revision. Values must be finite."""

    name: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    source: str = Evaluation.Source.CLAIMED
    details: Mapping[str, Any] = field(default_factory=dict)


def evaluation_problems(evaluations: Sequence[EvaluationData]) -> list[Problem]:
    for row in evaluations:
        values = [value for value in (row.value, row.low, row.high) if value is not None]
        if not all(math.isfinite(value) for value in values):
            return [
                Problem("evaluations", "bad_metadata", f"{row.name} {row.metric} is not a finite number.")
            ]
        if len(row.name) > 120 or len(row.metric) > 60 or not (row.name + row.metric).isprintable():
            return [Problem("evaluations", "bad_metadata", "An evaluation's name or metric is too long.")]
    return []


def add_evaluations(revision: Revision, evaluations: Sequence[EvaluationData]) -> None:
    Evaluation.objects.bulk_create(
        Evaluation(
            revision=revision,
            name=row.name,
            metric=row.metric,
            value=row.value,
            low=row.low,
            high=row.high,
            n=row.n,
            source=row.source,
            details=dict(row.details),
        )
        for row in evaluations
    )


def evaluations_of(revision: Revision, source: str) -> list[EvaluationData]:
    """The revision's evaluations from this source, to be given to another revision with the same weights."""
    return [
        EvaluationData(row.name, row.metric, row.value, row.low, row.high, row.n, row.source, row.details)
        for row in revision.evaluations.filter(source=source)
    ]
