"""What people do with jobs: submit and cancel."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from composer.examples import Example
from hub.accounts.models import User
from hub.jobs import lease
from hub.jobs.errors import JobRefused
from hub.jobs.models import Job, JobModule
from hub.jobs.preflight import AUTO, ComposeRequest, check_request
from hub.jobs.queue import wake

MAX_UNFINISHED = 20  # jobs of one person that wait or run


@dataclass(frozen=True, slots=True)
class Submitted:
    job: Job
    created: bool  # False: an earlier request with the same idempotency key


def submit_job(*, owner: User, request: ComposeRequest, idempotency_key: str | None = None) -> Submitted:
    """Store a compose job and wake a worker once the transaction is safe.

    The same owner and key give the job of the first request. Raises JobRefused, and then nothing is stored.
    """
    digest = request_hash(request)
    if idempotency_key and (earlier := _earlier(owner, idempotency_key, digest)):
        return Submitted(earlier, created=False)
    checked = check_request(owner, request)
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=owner.pk)  # two requests at once count each other
            if Job.objects.filter(owner=owner).unfinished().count() >= MAX_UNFINISHED:
                sentence = f"You have {MAX_UNFINISHED} unfinished jobs; wait for one or cancel one."
                raise JobRefused([("", "too_many_jobs", sentence)], status=429)
            job = Job.objects.create(
                owner=owner,
                idempotency_key=idempotency_key or None,
                request_hash=digest,
                base_model=checked.base_model,
                auto_select=request.modules == AUTO,
                examples=_rows(request.examples),
                holdout=_rows(request.holdout),
                prompt_template=request.prompt_template,
                prompt_format=request.prompt_format,
                system_prompt=request.system_prompt,
                objective=request.objective,
                method=request.method,
                optimizer=request.optimizer,
                budget=request.budget,
                seed=request.seed,
                bound=request.bound,
                penalty=request.penalty,
                rank=request.rank,
                compare=request.compare,
                tune_steps=request.tune_steps,
                layer_groups=request.layer_groups,
                namespace=checked.namespace,
                name=request.name,
                private=request.private,
            )
            JobModule.objects.bulk_create(
                JobModule(job=job, revision=revision, position=position)
                for position, revision in enumerate(checked.revisions)
            )
            transaction.on_commit(lambda: wake(job.pk), robust=True)
    except IntegrityError:
        earlier = _earlier(owner, idempotency_key, digest) if idempotency_key else None
        if earlier is None:
            raise
        return Submitted(earlier, created=False)
    job.refresh_from_db()
    return Submitted(job, created=True)


@transaction.atomic
def cancel_job(job: Job) -> Job:
    """Ask for the job's end: at once if it waits, within seconds if it runs. A finished job stays as it is."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if locked.status == Job.Status.QUEUED:
        lease.end(locked, Job.Status.CANCELLED, cancel_requested_at=Now())
    elif locked.status == Job.Status.RUNNING and locked.cancel_requested_at is None:
        Job.objects.filter(pk=locked.pk).update(cancel_requested_at=Now())
    job.refresh_from_db()
    return job


def _earlier(owner: User, key: str, digest: str) -> Job | None:
    job = Job.objects.filter(owner=owner, idempotency_key=key).first()
    if job is not None and job.request_hash != digest:
        raise JobRefused(
            [
                (
                    "",
                    "idempotency_conflict",
                    "This Idempotency-Key was used for another request; use a new one.",
                )
            ],
            status=409,
        )
    return job


def _rows(examples: Sequence[Example]) -> list[dict[str, Any]]:
    return [example.to_json() for example in examples]


def request_hash(request: ComposeRequest) -> str:
    """sha256 (hex) of everything that is asked for."""
    plain: dict[str, Any] = asdict(request)
    return hashlib.sha256(
        json.dumps(plain, sort_keys=True, default=list).encode("utf-8", "surrogatepass")
    ).hexdigest()
