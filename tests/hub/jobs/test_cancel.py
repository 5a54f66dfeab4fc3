"""Cancelling: waiting, running, ended; by the owner, a stranger, nobody."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from hub.jobs import lease, runner
from hub.jobs.models import Job
from hub.registry.models import Module


def url(job: Job) -> str:
    return f"/api/v1/jobs/{job.pk}/cancel/"


def test_a_waiting_job_ends_at_once(alice_api: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    answer = alice_api.post(url(job))
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert lease.claim(job.pk) is None


def test_a_running_job_is_asked_to_stop(alice_api: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    lease.claim(job.pk)
    answer = alice_api.post(url(job))
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert answer.json()["cancel_requested_at"] is not None


def test_a_cancelled_job_whose_worker_died_is_not_run_again(
    alice_api: Any, submit: Callable[..., Job]
) -> None:
    from tests.hub.jobs.test_lease import expire

    job = submit()
    lease.claim(job.pk)
    alice_api.post(url(job))
    expire(job)
    assert lease.claim(job.pk) is None
    job.refresh_from_db()
    assert job.status == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_a_running_search_stops_and_publishes_nothing(
    submit: Callable[..., Job], alice: Any, monkeypatch: Any
) -> None:
    from django.db import connection

    from hub.jobs.services import cancel_job

    job = submit(budget=2000, optimizer="random")

    def work() -> None:
        try:
            runner.run_job(job.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    while not job.generations.exists() and worker.is_alive():
        pass
    cancel_job(job)
    worker.join(timeout=60)
    assert not worker.is_alive()
    job.refresh_from_db()
    assert job.status == "cancelled"
    assert not Module.objects.filter(namespace=alice.namespace).exists()


def test_an_ended_job_stays_as_it_is(alice_api: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    from hub.jobs import outcome

    outcome.fail(mine, code="x", error="x")
    answer = alice_api.post(url(job))
    assert (answer.status_code, answer.json()["code"]) == (409, "already_finished")
    job.refresh_from_db()
    assert job.status == "failed"


def test_cancelling_twice_is_fine(alice_api: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    alice_api.post(url(job))
    assert alice_api.post(url(job)).status_code == 200


def test_a_stranger_gets_404(charlie_api: Any, charlie_client: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    assert charlie_api.post(url(job)).status_code == 404
    assert charlie_client.post(f"/jobs/{job.pk}/cancel/").status_code == 404
    job.refresh_from_db()
    assert job.status == "queued"


def test_logged_out(api: Any, client: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    assert api.post(url(job)).status_code == 401
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 302
    job.refresh_from_db()
    assert job.status == "queued"


def test_the_button(alice_client: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    answer = alice_client.post(f"/jobs/{job.pk}/cancel/", follow=True)
    assert "Nothing was published" in answer.content.decode()
    assert alice_client.get(f"/jobs/{job.pk}/cancel/").status_code == 405
