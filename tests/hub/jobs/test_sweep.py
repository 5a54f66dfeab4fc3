"""What the broker or a dead worker forgot is sent again; workers say that they live."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from hub.jobs import lease, presence
from hub.jobs.models import Job, Worker
from hub.jobs.sweeper import sweep
from tests.hub.jobs.test_lease import expire


def test_a_queued_job_is_sent_again_after_a_while(submit: Callable[..., Job]) -> None:
    job = submit()
    assert sweep() == [job.pk]  # never sent: the test's transaction has not ended
    assert sweep() == []
    Job.objects.update(sent_at=Now() - timedelta(minutes=1))
    assert sweep() == [job.pk]


def test_an_abandoned_job_is_sent_again(submit: Callable[..., Job]) -> None:
    job = submit()
    lease.claim(job.pk)
    assert sweep() == []
    expire(job)
    assert sweep() == [job.pk]


def test_a_long_queue_does_not_flood_the_broker(submit: Callable[..., Job]) -> None:
    jobs = [submit() for _ in range(10)]
    assert sweep() == [job.pk for job in jobs[:8]]
    assert sweep() == [job.pk for job in jobs[8:]]


def test_ended_jobs_stay_ended(submit: Callable[..., Job]) -> None:
    from hub.jobs.services import cancel_job

    cancel_job(submit())
    assert sweep() == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_says_that_it_lives(client: Any) -> None:
    assert client.get("/readyz").status_code == 503
    presence.pulse("w1")
    assert client.get("/readyz").status_code == 200
    Worker.objects.update(last_seen=Now() - timedelta(minutes=1))
    assert client.get("/readyz").status_code == 503
    presence.pulse("w1")
    presence.say_goodbye("w1")
    assert not Worker.objects.exists()


def test_commands(submit: Callable[..., Job]) -> None:
    job = submit()
    out = StringIO()
    call_command("sweep_jobs", stdout=out)
    assert out.getvalue() == f"sent again: {job.pk}\n"
    with pytest.raises(CommandError, match="there is no job 999"):
        call_command("run_job", "999")


@pytest.mark.django_db(transaction=True)
def test_run_job_by_hand(submit: Callable[..., Job]) -> None:
    job = submit()
    out = StringIO()
    call_command("run_job", str(job.pk), stdout=out)
    assert out.getvalue() == f"job {job.pk}: succeeded\n"
