"""A real Celery worker on the queue of files, killed with signal 9 in the middle of a job: another attempt ends it, once."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from hub.jobs.models import Job, Worker
from hub.registry.models import Module

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0  # seconds; a busy machine is slow


@pytest.fixture
def start_worker(
    transactional_db: None, settings: Any, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """A function that starts a worker on the test's database and files."""
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "TEST_MEDIA": str(settings.MEDIA_ROOT),
        "OMP_NUM_THREADS": "1",
    }

    def start() -> subprocess.Popen[bytes]:
        log = (tmp_path / f"worker-{len(started)}.log").open("wb")
        command = [sys.executable, "-m", "tests.faults.worker"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.1)
    pytest.fail(f"waited {PATIENCE:.0f} s for {what}")


def status(job: Job) -> str:
    job.refresh_from_db()
    return str(job.status)


def child_of(job: Job) -> int:
    """The process that runs the job."""
    return int(Job.objects.get(pk=job.pk).lease_holder.rpartition(":")[2])


def expire(job: Job) -> None:
    """Half a minute passes: the one thing here that is not real."""
    from tests.hub.jobs.test_lease import expire

    expire(job)
    Job.objects.filter(pk=job.pk).update(sent_at=None)


@pytest.mark.django_db(transaction=True)
def test_a_killed_child_and_a_killed_parent(
    submit: Callable[..., Job], start_worker: Any, alice: Any
) -> None:
    worker = start_worker()
    wait_for(lambda: Worker.objects.alive().exists(), "the worker")
    job = submit(name="mix", budget=600, optimizer="random")
    wait_for(lambda: job.generations.count() >= 2, "two generations")

    os.kill(child_of(job), signal.SIGKILL)
    first = job.generations.count()
    expire(job)
    wait_for(lambda: Job.objects.get(pk=job.pk).lease_token == 2, "the second attempt")
    wait_for(lambda: status(job) == "succeeded" or job.generations.count() > first, "a further generation")

    if status(job) != "succeeded":
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        expire(job)
        start_worker()
    wait_for(lambda: status(job) != "running" and status(job) != "queued", "the end")
    assert (job.status, job.error) == ("succeeded", "")
    assert Module.objects.filter(namespace=alice.namespace).count() == 1
    indices = list(job.generations.values_list("index", flat=True))
    assert indices == list(range(len(indices)))


@pytest.mark.django_db(transaction=True)
def test_sigterm_hands_the_job_over_within_ten_seconds(submit: Callable[..., Job], start_worker: Any) -> None:
    worker = start_worker()
    job = submit(budget=2000, optimizer="random")
    wait_for(lambda: job.generations.exists(), "a generation")
    os.kill(worker.pid, signal.SIGTERM)
    began = time.monotonic()
    assert worker.wait(timeout=30) == 0
    assert time.monotonic() - began < 10 or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    job.refresh_from_db()
    assert (job.status, job.lease_expires_at, job.attempts_without_progress) == ("queued", None, 0)
    assert not Worker.objects.exists()
