"""The job pages in each state of a job; the live part polls only while the job is unfinished."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hub.jobs import lease, outcome, runner
from hub.jobs.models import Job
from tests.hub.jobs.conftest import HOLDOUT
from tests.hub.jobs.test_api_read import searching  # noqa: F401  a fixture


def page(client: Any, job: Job, path: str = "") -> str:
    answer = client.get(f"/jobs/{job.pk}/{path}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_list(alice_client: Any, charlie_client: Any, submit: Callable[..., Job]) -> None:
    assert "No jobs yet" in alice_client.get("/jobs/").content.decode()
    job = submit(name="mix")
    assert "alice/mix" in alice_client.get("/jobs/").content.decode()
    assert f"job {job.pk}" not in charlie_client.get("/jobs/").content.decode()


def test_a_waiting_job(alice_client: Any, submit: Callable[..., Job]) -> None:
    from hub.jobs.models import Worker

    first, second = submit(), submit()
    assert "Waiting for a worker" in page(alice_client, first)
    Worker.objects.create(name="w")
    assert "number 2 in the queue" in page(alice_client, second)
    assert "every 1500ms" in page(alice_client, second)
    assert 'http-equiv="refresh"' in page(alice_client, second)


def test_a_running_job(alice_client: Any, searching: Job) -> None:  # noqa: F811
    text = page(alice_client, searching)
    assert "Tried 3 of 8 combinations" in text
    assert 'max="8" value="3"' in text
    assert "<svg" in text
    assert "−0.50" in text
    assert "style=" not in text  # the CSP forbids it
    fragment = page(alice_client, searching, "live/")
    assert "Tried 3 of 8 combinations" in fragment
    assert "<html" not in fragment
    badge = fragment[fragment.index('<span id="job-status" hx-swap-oob="true">') :]
    assert "Running" in badge  # the badge above the live part changes with it
    assert text.count('id="job-status"') == 1


def test_a_failed_job(alice_client: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    outcome.fail(mine, code="bad_examples", error="Example 2 is <too> long.")
    text = page(alice_client, job)
    assert "Example 2 is &lt;too&gt; long." in text
    assert "every 1500ms" not in text
    assert f"/compose/?job={job.pk}" in text


def test_the_poll_of_an_ended_job_asks_for_the_whole_page(
    alice_client: Any, submit: Callable[..., Job]
) -> None:
    job = submit()
    assert "HX-Refresh" not in alice_client.get(f"/jobs/{job.pk}/live/")
    mine = lease.claim(job.pk)
    assert mine is not None
    outcome.cancel(mine)
    assert alice_client.get(f"/jobs/{job.pk}/live/")["HX-Refresh"] == "true"


@pytest.mark.django_db(transaction=True)
def test_a_finished_job(alice_client: Any, submit: Callable[..., Job]) -> None:
    job = submit(name="mix", holdout=HOLDOUT)
    runner.run_job(job.pk)
    text = page(alice_client, job)
    for part in (
        "Base model",
        "Best single module",
        "Uniform mean",
        "Composition",
        "/alice/mix",
        "recipe.json",
    ):
        assert part in text
    assert "4 held-out rows that the search never saw" in text
    assert "every 1500ms" not in text
    job.refresh_from_db()
    recipe = alice_client.get(f"/alice/mix/resolve/{job.output.commit}/recipe.json")
    assert json.loads(b"".join(recipe))["evaluations"] == 8
    recipe.close()


@pytest.mark.parametrize("path", ["", "live/"])
def test_a_stranger_gets_404(charlie_client: Any, submit: Callable[..., Job], path: str) -> None:
    assert charlie_client.get(f"/jobs/{submit().pk}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["/jobs/", "/jobs/1/", "/jobs/1/live/"])
def test_logged_out_is_sent_to_sign_in(client: Any, submit: Callable[..., Job], path: str) -> None:
    submit()
    assert "/signin/" in client.get(path)["Location"]


def test_what_people_typed_is_escaped(alice_client: Any, submit: Callable[..., Job]) -> None:
    from composer.examples import Example

    job = submit(examples=[Example("<script>alert(1)</script>\r\n\x1b[31m", "{{ 1|add:1 }}")])
    text = page(alice_client, job)
    assert "<script>alert" not in text
    assert "{{ 1|add:1 }}" in text
