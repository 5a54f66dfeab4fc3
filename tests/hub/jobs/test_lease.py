"""Who may write to a job: claims, leases, fences, attempts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from hub.jobs import lease, outcome
from hub.jobs.errors import LeaseLost
from hub.jobs.models import Job


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_a_claim_counts_the_attempt_before_the_run(submit: Callable[..., Job]) -> None:
    job = submit()
    claimed = lease.claim(job.pk)
    job.refresh_from_db()
    assert claimed == lease.Lease(job.pk, 1)
    assert (job.status, job.attempts, job.lease_token) == ("running", 1, 1)
    assert job.started_at is not None
    assert job.lease_expires_at is not None


def test_a_claimed_job_cannot_be_claimed(submit: Callable[..., Job]) -> None:
    job = submit()
    assert lease.claim(job.pk)
    assert lease.claim(job.pk) is None


def test_an_unknown_job_is_nothing_to_claim(db: None) -> None:
    assert lease.claim(404) is None


def test_an_abandoned_job_goes_to_another_worker(submit: Callable[..., Job]) -> None:
    job = submit()
    lease.claim(job.pk)
    expire(job)
    second = lease.claim(job.pk)
    assert second is not None
    assert second.token == 2


def test_a_stale_worker_can_write_nothing(submit: Callable[..., Job]) -> None:
    job = submit()
    stale = lease.claim(job.pk)
    assert stale is not None
    expire(job)
    lease.claim(job.pk)
    writes: list[Callable[[], Any]] = [
        lambda: lease.renew(stale),
        lambda: outcome.report(stale, stage="search"),
        lambda: outcome.fail(stale, code="x", error="x"),
        lambda: outcome.cancel(stale),
        lambda: outcome.hand_over(stale),
        lambda: outcome.start_over(stale),
        lambda: outcome.choose_modules(stale, []),
        lambda: outcome.checkpoint(
            stale,
            index=0,
            candidates=[[1.0]],
            losses=[1.0],
            objectives=[1.0],
            candidates_hash="",
            best_loss=1.0,
            best_weights=[1.0],
            evaluations=1,
        ),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    job.refresh_from_db()
    assert (job.status, job.stage, job.evaluations_done) == ("running", "load", 0)
    assert not job.generations.exists()


def test_an_ended_job_cannot_be_written(submit: Callable[..., Job]) -> None:
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    outcome.cancel(mine)
    with pytest.raises(LeaseLost):
        outcome.fail(mine, code="x", error="x")
    assert lease.claim(job.pk) is None


def test_a_late_worker_that_nobody_replaced_goes_on(submit: Callable[..., Job]) -> None:
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    expire(job)
    lease.renew(mine)
    outcome.report(mine, stage="search")
    assert lease.claim(job.pk) is None


def test_three_attempts_without_progress_fail_with_a_reason(submit: Callable[..., Job]) -> None:
    job = submit()
    for _ in range(3):
        assert lease.claim(job.pk)
        expire(job)
    assert lease.claim(job.pk) is None
    job.refresh_from_db()
    assert (job.status, job.error_code, job.attempts) == ("failed", "worker_died", 3)
    assert "three times" in job.error
    assert job.finished_at is not None


def test_a_new_generation_starts_the_count_again(submit: Callable[..., Job]) -> None:
    job = submit()
    for index in range(4):
        mine = lease.claim(job.pk)
        assert mine is not None
        outcome.checkpoint(
            mine,
            index=index,
            candidates=[[0.0, -0.0, 1e-320, 0.1]],
            losses=[None],
            objectives=[None],
            candidates_hash="h",
            best_loss=None,
            best_weights=[],
            evaluations=index + 1,
        )
        expire(job)
    assert lease.claim(job.pk) is not None
    stored = job.generations.first()
    assert stored is not None
    assert str(stored.candidates) == "[[0.0, -0.0, 1e-320, 0.1]]"  # bit for bit, the sign of zero too


def test_handing_over_costs_no_attempt(submit: Callable[..., Job]) -> None:
    job = submit()
    for _ in range(5):
        mine = lease.claim(job.pk)
        assert mine is not None
        outcome.hand_over(mine)
    job.refresh_from_db()
    assert (job.status, job.attempts_without_progress, job.lease_token) == ("queued", 0, 5)


def test_the_heartbeat_sees_a_lost_lease_and_a_cancel(submit: Callable[..., Job]) -> None:
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    assert lease.renew(mine) is False
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=Now())
    assert lease.renew(mine) is True


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_keeps_the_lease(submit: Callable[..., Job]) -> None:
    import time

    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    expire(job)
    with lease.Heartbeat(mine, every=0.05) as heartbeat:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and Job.objects.claimable().exists():
            time.sleep(0.02)
        assert not Job.objects.claimable().exists()
        Job.objects.filter(pk=job.pk).update(lease_token=9)
        while time.monotonic() < deadline and not heartbeat.lost:
            time.sleep(0.02)
        assert heartbeat.lost
