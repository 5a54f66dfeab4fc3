"""Composing into an organisation, and jobs whose owner lost a right meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.accounts import organisations
from hub.accounts.models import Membership, Namespace, Role
from hub.jobs import runner
from hub.jobs.models import Job
from hub.registry.models import Module
from hub.registry.services import delete_module, set_gate, yank_revision

JOBS = "/api/v1/jobs/"


@pytest.fixture
def words(alice: Any, bob: Any) -> Namespace:
    """An organisation of bob's in which alice writes."""
    made = organisations.create_organisation(user=bob, name="words")
    Membership.objects.create(namespace=made, user=alice, role=Role.WRITER)
    return made


def run(job: Job) -> Job:
    runner.run_job(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.django_db(transaction=True)
def test_a_result_goes_to_the_organisation(submit: Callable[..., Job], words: Namespace) -> None:
    job = run(submit(namespace="Words", name="both"))
    assert (job.status, job.error) == ("succeeded", "")
    assert job.output is not None
    assert job.output.module.full_name == "words/both"
    assert "lost_role" not in (job.result or {})["private_because"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["reader", "removed", "deleted"])
def test_without_the_role_it_is_private_and_ones_own(
    submit: Callable[..., Job], words: Namespace, alice: Any, alice_client: Any, how: str
) -> None:
    job = submit(namespace="words", name="both")
    members = Membership.objects.filter(namespace=words, user=alice)
    if how == "reader":
        members.update(role=Role.READER)
    elif how == "removed":
        members.delete()
    else:
        Namespace.objects.filter(pk=words.pk).update(deleted_at=job.created_at)
    job = run(job)
    assert (job.status, job.error) == ("succeeded", "")
    assert job.output is not None
    assert (job.output.module.full_name, job.output.module.is_private) == ("alice/both", True)
    assert "lost_role" in (job.result or {})["private_because"]
    assert job.namespace == alice.namespace
    assert "below your own name" in alice_client.get(job.get_absolute_url()).content.decode()


@pytest.mark.parametrize("name", ["words", "bob", "nobody", "a\0b", "x" * 96])
def test_a_stranger_may_not_publish_there(
    api_for: Any, charlie: Any, body: dict[str, Any], words: Namespace, name: str
) -> None:
    answer = api_for(charlie).post(JOBS, body | {"namespace": name})
    assert answer.status_code == 400
    assert "namespace" in answer.json()["fields"]
    assert not Job.objects.exists()


def test_over_the_api(alice_api: Any, body: dict[str, Any], words: Namespace) -> None:
    answer = alice_api.post(JOBS, body | {"namespace": "words", "name": "both"})
    assert (answer.status_code, answer.json()["name"]) == (201, "words/both")
    Membership.objects.filter(role=Role.WRITER).update(role=Role.READER)
    refused = alice_api.post(JOBS, body | {"namespace": "words"})
    assert (refused.status_code, refused.json()["code"]) == (400, "forbidden")


def test_the_form_offers_the_organisations_where_one_writes(
    alice_client: Any, charlie_client: Any, modules: list[str], words: Namespace
) -> None:
    assert '<option value="words">words</option>' in alice_client.get("/compose/").content.decode()
    assert 'name="namespace"' not in charlie_client.get("/compose/").content.decode()


def _make_private(module: Module) -> None:
    Module.objects.filter(pk=module.pk).update(is_private=True)


def _gate(module: Module) -> None:
    set_gate(user=_owner(module), module=module, gate="manual", text="")


def _yank(module: Module) -> None:
    assert module.head is not None
    yank_revision(user=_owner(module), revision=module.head, reason="wrong rows")


def _delete(module: Module) -> None:
    delete_module(user=_owner(module), module=module)


def _owner(module: Module) -> Any:
    return module.namespace.user


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (_make_private, "private"),
        (_gate, "gated"),
        (_yank, "yanked (wrong rows)"),
        (_delete, "deleted"),
    ],
)
def test_a_job_does_not_run_with_a_module_that_was_lost(
    submit: Callable[..., Job], modules: list[str], happens: Callable[[Module], None], why: str
) -> None:
    job = submit(modules=modules[:2])
    happens(Module.objects.select_related("namespace__user", "head").get(name="m1"))
    job = run(job)
    assert (job.status, job.error_code) == ("failed", "module_unavailable")
    assert "bob/m1" in job.error
    assert why in job.error
    assert not job.generations.exists()


@pytest.mark.django_db(transaction=True)
def test_a_module_made_private_while_the_job_runs_makes_the_result_private(
    submit: Callable[..., Job], modules: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = runner.compose

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        Module.objects.update(is_private=True)
        return compose(*args, **kwargs)

    monkeypatch.setattr(runner, "compose", meanwhile)
    job = run(submit())
    assert (job.status, job.error) == ("succeeded", "")
    assert job.output is not None
    assert job.modules.exclude(weight=0).exists()
    assert job.output.module.is_private
    assert "private_module" in (job.result or {})["private_because"]
