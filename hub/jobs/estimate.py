"""How long a request will take, from the pace of this hub's recent jobs on the same base model."""

import statistics
from collections.abc import Callable
from typing import Any

from hub.jobs.models import Job
from hub.jobs.preflight import ComposeRequest

RECENT = 20  # jobs looked at
START_SECONDS = 5.0
DEFAULT_PACE = 0.03  # seconds per combination and example: SmolLM2-135M on two cores
DEFAULT_COMPARING = 4.0  # four arms; an answer is written once for what a batch of losses costs


def seconds_for(request: ComposeRequest) -> float:
    """An estimate for the whole of a job."""
    recent = _recent(request.base_model)
    pace = _median(recent, _seconds_per_example, DEFAULT_PACE)
    rows = len(request.holdout) or len(request.examples)
    return START_SECONDS + pace * (
        request.budget * len(request.examples) + comparing(request.base_model) * rows
    )


def comparing(base_model: str) -> float:
    """What comparing costs per row, in units of one combination on one example."""
    return _median(_recent(base_model), _comparing, DEFAULT_COMPARING)


def _recent(base_model: str) -> list[Job]:
    done = Job.objects.filter(status=Job.Status.SUCCEEDED, base_model__model_id=base_model, attempts=1)
    return list(done.order_by("-finished_at")[:RECENT])


def _median(jobs: list[Job], measure: Callable[[Job], float | None], default: float) -> float:
    values = [value for job in jobs if (value := measure(job)) is not None]
    return statistics.median(values) if values else default


def _seconds_per_example(job: Job) -> float | None:
    timings: dict[str, Any] = (job.result or {}).get("timings", {})
    work = job.evaluations_done * len(job.examples)
    return timings["search"] / work if timings.get("search") and work else None


def _comparing(job: Job) -> float | None:
    timings: dict[str, Any] = (job.result or {}).get("timings", {})
    pace = _seconds_per_example(job)
    if not pace or not timings.get("evaluate"):
        return None
    return timings["evaluate"] / (pace * (len(job.holdout) or len(job.examples)))
