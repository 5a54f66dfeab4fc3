"""The job pages in each state of a job; the live part polls only while the job is unfinished."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now

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
        "The examples in the prompt",
        "5 examples before each row",
        "Random modules (placebo)",
        "LoRA tuned on the examples",
        "What each module adds",
        "Say it.\n\nQ: word 0\nA: yes\n\nSay it.",
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


def result_of(job: Job, recommended: str, **changes: Any) -> None:
    """Make the job succeeded, with four made-up arms and a verdict that recommends one of them."""
    count = job.modules.count()
    arm = {
        "loss": 1.0,
        "loss_low": 0.5,
        "loss_high": 1.5,
        "exact_match": 0.5,
        "exact_low": 0.2,
        "exact_high": 0.8,
        "n": 4,
        "tokens": 9.0,
        "details": {},
        "answers": [],
    }
    weights = {"best_single": [0.0] * (count - 1) + [1.0], "uniform": [0.5, 0.5] + [0.0] * (count - 2)}
    keys = ("base", "in_context", "best_single", "uniform", "composition", "tuned")
    arms = [arm | {"key": key, "label": key, "weights": weights.get(key, [0.0] * count)} for key in keys]
    verdict = {"mine": "composition", "recommended": recommended, "beats_base": True, "text": "So it is."}
    result = {"arms": arms, "verdict": verdict | changes, "held_out": True, "measured_on": "held_out"}
    result |= {"loss": 1.0, "start_loss": 4.0, "compression_error": 0.0}
    Job.objects.filter(pk=job.pk).update(
        status="succeeded", finished_at=Now(), started_at=Now(), result=result | {"contributions": []}
    )


@pytest.mark.parametrize(
    ("recommended", "changes", "offered"),
    [
        ("best_single", {}, "Use bob/m3 instead"),
        ("uniform", {}, "&amp;use=uniform"),
        ("composition", {"mine": "tuned"}, "&amp;use=composition"),
        ("in_context", {}, 'href="#in-context"'),
        ("base", {}, "Better use the base model as it is"),
    ],
)
def test_the_better_arm_is_offered(
    alice_client: Any, submit: Callable[..., Job], recommended: str, changes: dict[str, Any], offered: str
) -> None:
    job = submit()
    result_of(job, recommended, **changes)
    assert offered in page(alice_client, job)


def test_the_offers_fill_the_form(alice_client: Any, submit: Callable[..., Job]) -> None:
    job = submit(tune_steps=7)
    result_of(job, "uniform")
    form = alice_client.get(f"/compose/?job={job.pk}&use=uniform").context["form"]
    names = [row.revision.module.full_name for row in job.modules.all()]
    assert (form.initial["modules"], form.initial["budget"]) == (names[:2], 1)
    form = alice_client.get(f"/compose/?job={job.pk}&use=composition").context["form"]
    assert (form.initial["tune_steps"], form.initial["budget"]) == (0, 8)
    assert alice_client.get(f"/compose/?job={job.pk}").context["form"].initial["tune_steps"] == 7


@pytest.mark.django_db(transaction=True)
def test_what_the_offer_of_the_uniform_mean_submits_is_the_uniform_mean(submit: Callable[..., Job]) -> None:
    job = submit(budget=1, holdout=HOLDOUT, compare="basic")
    runner.run_job(job.pk)
    job.refresh_from_db()
    assert [row.weight for row in job.modules.all()] == [0.25] * 4


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
