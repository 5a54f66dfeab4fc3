"""A search that is interrupted goes on in another worker and ends in the same weights, bit for bit."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.jobs import lease, outcome, runner
from hub.jobs.models import Job
from hub.registry.models import Module
from tests.hub.jobs.test_lease import expire

SEARCH = {"budget": 14, "seed": 3}


class PowerCut(BaseException):
    """Ends a run at once, as a kill would: nothing of the runner's own handling sees it."""


def cut_after(generations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = outcome.checkpoint

    def checkpoint(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        if kwargs["index"] + 1 >= generations:
            raise PowerCut

    monkeypatch.setattr("hub.jobs.runner.outcome.checkpoint", checkpoint)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("optimizer", ["probe", "cma", "ngopt"])
def test_the_same_weights_after_two_cuts(
    submit: Callable[..., Job], optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = submit(name="whole", optimizer=optimizer, **SEARCH)
    runner.run_job(whole.pk)
    cut = submit(name="cut", optimizer=optimizer, **SEARCH)
    for generations in (1, 2):
        with monkeypatch.context() as patch:
            cut_after(generations, patch)
            with pytest.raises(PowerCut):
                runner.run_job(cut.pk)
        assert cut.generations.count() == generations
        expire(cut)
    runner.run_job(cut.pk)
    whole.refresh_from_db()
    cut.refresh_from_db()
    assert (cut.status, cut.attempts, cut.lease_token) == ("succeeded", 3, 3)
    assert [r.weight for r in cut.modules.all()] == [r.weight for r in whole.modules.all()]
    for mine, theirs in zip(cut.generations.all(), whole.generations.all(), strict=True):
        assert mine.candidates_hash == theirs.candidates_hash
        assert (mine.candidates, mine.losses, mine.evaluations) == (
            theirs.candidates,
            theirs.losses,
            theirs.evaluations,
        )
    weights = {f.path: f.blob.sha256 for f in cut.output.files.all()}
    assert (
        weights["adapter_model.safetensors"]
        == {f.path: f.blob.sha256 for f in whole.output.files.all()}["adapter_model.safetensors"]
    )


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_stops_hands_over(submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit(**SEARCH)
    with monkeypatch.context() as patch:
        patch.setattr("hub.jobs.runner.is_stopping", lambda: job.generations.exists())
        runner.run_job(job.pk)
    job.refresh_from_db()
    assert (job.status, job.lease_expires_at) == ("queued", None)
    assert job.attempts_without_progress == 0
    runner.run_job(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_lease_publishes_nothing(
    submit: Callable[..., Job], alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(**SEARCH)
    real = outcome.checkpoint

    def stolen(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        Job.objects.filter(pk=job.pk).update(lease_token=9)  # another worker claimed it

    monkeypatch.setattr("hub.jobs.runner.outcome.checkpoint", stolen)
    runner.run_job(job.pk)
    job.refresh_from_db()
    assert (job.status, job.generations.count()) == ("running", 1)
    assert not Module.objects.filter(namespace=alice.namespace).exists()


@pytest.mark.django_db(transaction=True)
def test_a_record_of_another_search_is_forgotten(submit: Callable[..., Job]) -> None:
    job = submit(**SEARCH)
    mine = lease.claim(job.pk)
    assert mine is not None
    outcome.checkpoint(
        mine,
        index=0,
        candidates=[[9.0, 9.0, 9.0, 9.0]],
        losses=[0.0],
        objectives=[0.0],
        candidates_hash="of an older version",
        best_loss=0.0,
        best_weights=[9.0, 9.0, 9.0, 9.0],
        evaluations=1,
    )
    expire(job)
    runner.run_job(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded"
    assert job.best_loss is not None
    assert job.best_loss > 0


@pytest.mark.django_db(transaction=True)
def test_a_job_that_takes_too_long_fails_with_a_reason(submit: Callable[..., Job], settings: Any) -> None:
    settings.JOB_SECONDS = 0
    job = submit()
    runner.run_job(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "time_limit")
    assert "smaller budget" in job.error
