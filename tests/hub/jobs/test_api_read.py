"""GET of jobs, of one, of its candidates: the owner's alone."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.jobs import lease, outcome
from hub.jobs.models import Job

URL = "/api/v1/jobs/"


@pytest.fixture
def searching(submit: Callable[..., Job]) -> Job:
    """A running job with two generations, one of which overflowed."""
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    outcome.report(mine, stage="search")
    for index, (losses, best) in enumerate([([2.5, None], 2.5), ([1.5], 1.5)]):
        outcome.checkpoint(
            mine,
            index=index,
            candidates=[[0.1 * index, 0.0, 1.0, -0.5]] * len(losses),
            losses=losses,
            objectives=losses,
            candidates_hash="h",
            best_loss=best,
            best_weights=[0.1 * index, 0.0, 1.0, -0.5],
            evaluations=2 + index,
        )
    return job


def test_a_list_of_mine(
    alice_api: Any, bob_api: Any, submit: Callable[..., Job], alice: Any, bob: Any
) -> None:
    mine, other = submit(), submit(owner=bob)
    assert [job["id"] for job in alice_api.get(URL).json()["results"]] == [mine.pk]
    assert [job["id"] for job in bob_api.get(URL).json()["results"]] == [other.pk]
    assert alice_api.get(f"{URL}?status=failed").json()["count"] == 0
    assert alice_api.get(f"{URL}?status=queued").json()["count"] == 1
    assert alice_api.get(f"{URL}?status=nonsense").json()["count"] == 0


def test_a_job_on_its_way(alice_api: Any, searching: Job) -> None:
    data = alice_api.get(f"{URL}{searching.pk}/").json()
    assert data["status"] == "running"
    assert data["progress"]["message"] == "Tried 3 of 8 combinations"
    assert data["progress"]["best_loss"] == 1.5
    assert data["progress"]["seconds_left"] > 0
    assert [w["weight"] for w in data["weights"]] == [0.1, 0.0, 1.0, -0.5]
    assert (data["arms"], data["result"], data["error"], data["output"]) == ([], None, None, None)


def test_its_candidates(alice_api: Any, searching: Job) -> None:
    data = alice_api.get(f"{URL}{searching.pk}/candidates/").json()
    assert data["count"] == 3
    assert [row["loss"] for row in data["results"]] == [2.5, None, 1.5]
    assert [row["generation"] for row in data["results"]] == [0, 0, 1]
    assert data["results"][0]["weights"] == [0.0, 0.0, 1.0, -0.5]


def test_a_failed_job_says_why(alice_api: Any, submit: Callable[..., Job]) -> None:
    job = submit()
    mine = lease.claim(job.pk)
    assert mine is not None
    outcome.fail(mine, code="bad_examples", error="Example 2 is too long.")
    data = alice_api.get(f"{URL}{job.pk}/").json()
    assert data["error"] == {"code": "bad_examples", "detail": "Example 2 is too long."}


@pytest.mark.parametrize("path", ["", "candidates/"])
def test_a_stranger_gets_404(charlie_api: Any, submit: Callable[..., Job], path: str) -> None:
    answer = charlie_api.get(f"{URL}{submit().pk}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "1/", "1/candidates/"])
def test_logged_out_is_401(api: Any, submit: Callable[..., Job], path: str) -> None:
    submit()
    assert api.get(f"{URL}{path}").status_code == 401


@pytest.mark.parametrize("number", ["0", "999999", "9" * 40])
def test_no_such_job(alice_api: Any, alice_client: Any, number: str) -> None:
    assert alice_api.get(f"{URL}{number}/").status_code == 404
    assert alice_client.get(f"/jobs/{number}/").status_code == 404


def test_the_schema_names_the_endpoints(api: Any) -> None:
    schema = api.get("/api/v1/schema/?format=json").content.decode()
    for path in ("/api/v1/jobs/", "/api/v1/jobs/{job_id}/candidates/", "/api/v1/jobs/{job_id}/cancel/"):
        assert path in schema
    assert "Idempotency-Key" in schema
