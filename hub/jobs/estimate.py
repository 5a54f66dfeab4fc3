"""How long a request will take, from the pace of this hub's recent jobs on the same base model."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from composer.settings import CONTRIBUTION_ROWS, EXTRA_ROWS, MOST_FOLDS, MOST_PAID
from hub.jobs.models import Job
from hub.jobs.preflight import ComposeRequest

RECENT = 20  # jobs looked at
START_SECONDS = 5.0
DEFAULT_PACE = 0.03  # seconds per combination and example: SmolLM2-135M on two cores
# Costs in units of one combination on one example.
MODULES_KEPT = 6  # by the search, usually
PROBES = 20  # modules tried alone, usually
STEP = 4.0  # a step of training on one example: forward and backward, unpacked


class Asked(Protocol):
    """What a request and a job have in common."""

    @property
    def examples(self) -> Sequence[Any]: ...
    @property
    def holdout(self) -> Sequence[Any]: ...
    @property
    def budget(self) -> int: ...
    @property
    def compare(self) -> str: ...
    @property
    def tune_steps(self) -> int: ...


def seconds_for(request: ComposeRequest) -> float:
    """An estimate for the whole of a job."""
    recent = _recent(request.base_model)
    pace = _median(recent, _seconds_per_example, DEFAULT_PACE)
    work = request.budget * len(request.examples) + _factor(recent) * after_search(request)
    return START_SECONDS + pace * work


def comparing(job: Job) -> float:
    """What follows the search of a job costs, in units of one combination on one example, as measured on this hub."""
    return _factor(_recent(job.base_model.model_id)) * after_search(job)


def after_search(asked: Asked) -> float:
    """The same by rule of thumb: the arms, what each module adds, leave-one-out without held-out rows, training."""
    examples, full = len(asked.examples), asked.compare == "full"
    rows = len(asked.holdout) or examples
    folds = min(examples, MOST_FOLDS) if examples > 1 else 0
    rounds = folds if not asked.holdout else 0  # of all arms
    share = examples * (folds - 1) / folds if folds else examples  # searched on in a fold
    work = 4.0 * rows + (1 + MODULES_KEPT) * min(rows, CONTRIBUTION_ROWS)
    if full:
        work += 3 * min(rows, EXTRA_ROWS)
        work += STEP * asked.budget / 2 * (rounds * share if rounds else examples)
    if rounds:
        work += PROBES * examples + rounds * share * min(max(asked.budget - PROBES, 0), MOST_PAID)
    if asked.tune_steps:
        work += STEP * asked.tune_steps * (examples + folds * share * (2 if rounds else 1))
    return work


def _recent(base_model: str) -> list[Job]:
    done = Job.objects.filter(status=Job.Status.SUCCEEDED, base_model__model_id=base_model, attempts=1)
    return list(done.order_by("-finished_at")[:RECENT])


def _median(jobs: list[Job], measure: Callable[[Job], float | None], default: float) -> float:
    values = [value for job in jobs if (value := measure(job)) is not None]
    return statistics.median(values) if values else default


def _factor(recent: list[Job]) -> float:
    """How much more, or less, the comparison took than the rule says."""
    return _median(recent, _measured_factor, 1.0)


def _seconds_per_example(job: Job) -> float | None:
    timings: dict[str, Any] = (job.result or {}).get("timings", {})
    work = job.evaluations_done * len(job.examples)
    return timings["search"] / work if timings.get("search") and work else None


def _measured_factor(job: Job) -> float | None:
    timings: dict[str, Any] = (job.result or {}).get("timings", {})
    pace = _seconds_per_example(job)
    return timings["evaluate"] / (pace * after_search(job)) if pace and timings.get("evaluate") else None
