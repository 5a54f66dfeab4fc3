"""How long a request will take, before it runs."""

import statistics

from hub.jobs.models import Job
from hub.jobs.preflight import ComposeRequest

RECENT = 20  # jobs looked at
START_SECONDS = 5.0
DEFAULT_PACE = 0.03  # seconds per combination and example, SmolLM2-135M on two cores


def seconds_for(request: ComposeRequest) -> float:
    """From the pace of this hub's recent jobs on the same base model."""
    recent = Job.objects.filter(
        status=Job.Status.SUCCEEDED, base_model__model_id=request.base_model, result__isnull=False
    )
    paces = []
    for job in recent.order_by("-finished_at")[:RECENT]:
        if job.started_at and job.finished_at:
            work = _work(job.budget, len(job.examples), len(job.holdout))
            paces.append(((job.finished_at - job.started_at).total_seconds() - START_SECONDS) / work)
    pace = max(statistics.median(paces), 1e-4) if paces else DEFAULT_PACE
    return START_SECONDS + pace * _work(request.budget, len(request.examples), len(request.holdout))


def _work(budget: int, examples: int, holdout: int) -> float:
    """Combinations times rows, plus four arms of which each row costs about as much as three."""
    return budget * examples + 12.0 * (holdout or examples)
