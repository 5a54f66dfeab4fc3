"""The writes of a run, each behind the fence: none of them happens once another worker has the job."""

from collections.abc import Sequence

from django.db.models import F
from django.db.models.functions import Greatest

from hub.jobs.lease import Lease, end, fenced
from hub.jobs.models import Generation, Job, JobModule
from hub.registry.models import Revision


def checkpoint(
    lease: Lease,
    *,
    index: int,
    candidates: list[list[float]],
    losses: list[float | None],
    objectives: list[float | None],
    candidates_hash: str,
    best_loss: float | None,
    best_weights: list[float],
    evaluations: int,
) -> None:
    """Store one generation, and that this attempt got further. Storing the same one twice changes nothing."""
    with fenced(lease) as job:
        _, created = Generation.objects.get_or_create(
            job=job,
            index=index,
            defaults={
                "candidates": candidates,
                "losses": losses,
                "objectives": objectives,
                "candidates_hash": candidates_hash,
                "best_loss": best_loss,
                "best_weights": best_weights,
                "evaluations": evaluations,
                "lease_token": lease.token,
            },
        )
        if created:
            Job.objects.filter(pk=job.pk).update(
                evaluations_done=min(evaluations, job.budget),
                best_loss=best_loss,
                attempts_without_progress=0,
            )


def report(lease: Lease, *, stage: str, message: str = "") -> None:
    """Say what the job is doing now."""
    with fenced(lease) as job:
        Job.objects.filter(pk=job.pk).update(stage=stage, message=message[:300])


def start_over(lease: Lease) -> None:
    """Forget what was tried: the search can no longer be continued from it."""
    with fenced(lease) as job:
        job.generations.all().delete()
        Job.objects.filter(pk=job.pk).update(evaluations_done=0, best_loss=None)


def choose_modules(lease: Lease, revisions: Sequence[Revision]) -> None:
    """Store which modules take part in a job that asked the hub to choose; a choice once stored stays."""
    with fenced(lease) as job:
        if not job.modules.exists():
            JobModule.objects.bulk_create(
                JobModule(job=job, revision=revision, position=position)
                for position, revision in enumerate(revisions)
            )


def fail(lease: Lease, *, code: str, error: str) -> None:
    """End the job with a reason that a person can act on."""
    with fenced(lease) as job:
        end(job, Job.Status.FAILED, error_code=code[:64], error=error)


def cancel(lease: Lease) -> None:
    """End the job because its owner asked for it."""
    with fenced(lease) as job:
        end(job, Job.Status.CANCELLED)


def hand_over(lease: Lease) -> None:
    """Give the job back unfinished, at once and without counting the attempt: this worker is going away."""
    with fenced(lease) as job:
        Job.objects.filter(pk=job.pk).update(
            status=Job.Status.QUEUED,
            lease_expires_at=None,
            lease_holder="",
            sent_at=None,
            message="",
            attempts_without_progress=Greatest(F("attempts_without_progress") - 1, 0),
        )
