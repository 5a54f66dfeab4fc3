"""Who may write to a job: claim it, keep it, and the fence around every write.

A claim raises the lease token; a worker writes only while its token is the job's. All times are the database's, so a
worker whose clock is a day off harms nobody.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from hub.jobs.errors import LeaseLost
from hub.jobs.models import Job

LEASE = timedelta(seconds=30)
RENEW_EVERY = 3.0  # seconds; also how long a cancel request may go unnoticed
MAX_ATTEMPTS_WITHOUT_PROGRESS = 3

GAVE_UP = (
    "The worker died three times in a row without getting any further, so the hub stopped trying. "
    "Fewer modules and fewer or shorter examples need less memory; if it happens again, tell the people who run this hub."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to one job."""

    job_id: int
    token: int


def worker_name() -> str:
    """This process, in words that a person can find it by."""
    return f"{socket.gethostname()}:{os.getpid()}"


@transaction.atomic
def claim(job_id: int) -> Lease | None:
    """The lease of a queued or abandoned job, its attempt already counted; None if it is not to be run (now).

    Also ends what must not run: a job whose cancelling nobody was left to notice, and one that did not get any further
    three times in a row.
    """
    job = Job.objects.select_for_update(skip_locked=True).claimable().filter(pk=job_id).first()
    if job is None:
        return None
    if job.cancel_requested_at is not None:
        end(job, Job.Status.CANCELLED)
        return None
    if job.attempts_without_progress >= MAX_ATTEMPTS_WITHOUT_PROGRESS:
        end(job, Job.Status.FAILED, error_code="worker_died", error=GAVE_UP)
        return None
    token = job.lease_token + 1
    Job.objects.filter(pk=job.pk).update(
        status=Job.Status.RUNNING,
        stage=Job.Stage.LOAD,
        message="",
        started_at=job.started_at or Now(),
        attempts=F("attempts") + 1,
        attempts_without_progress=F("attempts_without_progress") + 1,
        lease_token=token,
        lease_holder=worker_name(),
        lease_expires_at=Now() + LEASE,
    )
    return Lease(job.pk, token)


def end(job: Job, status: Job.Status, **changes: Any) -> None:
    """Write one of the three ends. The caller holds the row's lock."""
    Job.objects.filter(pk=job.pk).update(
        status=status, finished_at=Now(), lease_expires_at=None, lease_holder="", message="", **changes
    )


@contextmanager
def fenced(lease: Lease) -> Iterator[Job]:
    """A transaction that holds the job's row, locked. Raises LeaseLost if the job has a newer lease, or has ended."""
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=lease.job_id).first()
        if job is None or job.lease_token != lease.token or job.status != Job.Status.RUNNING:
            raise LeaseLost(f"job {lease.job_id} is no longer ours (token {lease.token})")
        yield job


def renew(lease: Lease) -> bool:
    """Keep the lease for another 30 s; True if somebody asked to cancel the job. Raises LeaseLost."""
    mine = Job.objects.filter(pk=lease.job_id, lease_token=lease.token, status=Job.Status.RUNNING)
    if not mine.update(lease_expires_at=Now() + LEASE):
        raise LeaseLost(f"job {lease.job_id} is no longer ours (token {lease.token})")
    return mine.filter(cancel_requested_at__isnull=False).exists()


class Heartbeat:
    """Renews a lease from a thread of its own, and knows whether to go on: `lost`, `cancelled`.

    A database that does not answer is waited for: the fence, not this thread, protects the rows.
    """

    def __init__(self, lease: Lease, *, every: float = RENEW_EVERY) -> None:
        self.lease = lease
        self.every = every
        self.lost = False
        self.cancelled = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{lease.job_id}", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        try:
            while not self.lost and not self._stop.wait(self.every):
                try:
                    self.cancelled = renew(self.lease)
                except LeaseLost:
                    self.lost = True
                except DatabaseError as error:
                    log.warning("job %s: the lease could not be renewed: %s", self.lease.job_id, error)
                    connection.close()
        finally:
            connection.close()  # a thread's own connection; nobody else closes it
