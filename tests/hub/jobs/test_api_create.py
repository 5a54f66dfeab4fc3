"""POST /api/v1/jobs/: what is stored, and every refusal; after a refusal nothing is."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.jobs.models import Job, JobModule
from hub.jobs.sweeper import sweep
from hub.registry.models import Revision
from tests import tiny
from tests.hub.jobs.conftest import publish

URL = "/api/v1/jobs/"


def test_stores_a_queued_job(alice_api: Any, alice: Any, body: Any) -> None:
    answer = alice_api.post(URL, body | {"name": "mix", "visibility": "private", "seed": 3})
    assert answer.status_code == 201, answer.json()
    job = Job.objects.get()
    assert (job.owner, job.status, job.seed, job.private) == (alice, "queued", 3, True)
    assert answer.json()["status"] == "queued"
    assert answer.json()["name"] == "alice/mix"
    assert answer.json()["progress"]["queue_position"] == 1
    assert [w["module"] for w in answer.json()["weights"]] == body["modules"]


def test_points_at_the_revision_named(alice_api: Any, body: Any) -> None:
    revision = Revision.objects.earliest("pk")
    body["modules"][0] += f"@{revision.commit}"
    assert alice_api.post(URL, body).status_code == 201
    assert JobModule.objects.get(position=0).revision == revision


def test_auto_leaves_the_choice_to_the_worker(alice_api: Any, body: Any) -> None:
    answer = alice_api.post(URL, body | {"modules": "auto"})
    assert answer.status_code == 201
    assert answer.json()["auto_select"] is True
    assert not JobModule.objects.exists()


def test_logged_out_is_401(api: Any, body: Any) -> None:
    assert api.post(URL, body).status_code == 401
    assert not Job.objects.exists()


def test_read_only_token_is_403(api_for: Any, alice: Any, body: Any) -> None:
    answer = api_for(alice, scope="read").post(URL, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "read_only_token")


def test_the_same_key_gives_the_same_job(alice_api: Any, bob_api: Any, body: Any) -> None:
    first = alice_api.post(URL, body, headers={"Idempotency-Key": "k1"})
    second = alice_api.post(URL, body, headers={"Idempotency-Key": "k1"})
    other = bob_api.post(URL, body, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, second.status_code, other.status_code) == (201, 200, 201)
    assert first.json()["id"] == second.json()["id"] != other.json()["id"]


def test_the_same_key_for_another_request_is_409(alice_api: Any, body: Any) -> None:
    alice_api.post(URL, body, headers={"Idempotency-Key": "k1"})
    answer = alice_api.post(URL, body | {"seed": 1}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"base_model": "no/such"}, "unknown_base", "base_model"),
        ({"base_model": "x" * 5000}, "unknown_base", "base_model"),
        ({"examples": []}, "bad_examples", "examples"),
        ({"examples": [{"input": "a"}]}, "bad_examples", "examples"),
        ({"examples": [{"input": "a", "output": "  "}]}, "bad_examples", "examples"),
        ({"examples": [{"output": "a"}]}, "bad_examples", "examples"),
        ({"examples": [{"input": "a", "output": "b"}] * 65}, "bad_examples", "examples"),
        ({"examples": [{"input": "a" * 20_001, "output": "b"}]}, "bad_examples", "examples"),
        ({"holdout": [{"input": "a", "output": ""}]}, "bad_examples", "holdout"),
        ({"modules": []}, "no_modules", "modules"),
        ({"modules": ["bob/nothing"]}, "unknown_module", "modules"),
        ({"modules": ["nonsense"]}, "unknown_module", "modules"),
        ({"modules": ["bob/m0@ffffffff"]}, "unknown_module", "modules"),
        ({"modules": ["bob/m0", "bob/M0"]}, "module_twice", "modules"),
        ({"modules": ["bob/m0"] * 65}, "too_many_modules", "modules"),
        ({"budget": 0}, "budget_out_of_range", "budget"),
        ({"layer_groups": 9}, "layer_groups_out_of_range", "layer_groups"),
        ({"layer_groups": 3, "method": "factors"}, "bad_layer_groups", "layer_groups"),
        ({"layer_groups": 3, "optimizer": "cobyla"}, "bad_layer_groups", "layer_groups"),
        ({"budget": 2001}, "budget_out_of_range", "budget"),
        ({"budget": 10**30}, "budget_out_of_range", "budget"),
        ({"seed": -1}, "seed_out_of_range", "seed"),
        ({"bound": 0}, "bound_out_of_range", "bound"),
        ({"penalty": -0.1}, "penalty_out_of_range", "penalty"),
        ({"rank": 0}, "rank_out_of_range", "rank"),
        ({"method": "magic"}, "unknown_method", "method"),
        ({"optimizer": "magic"}, "unknown_optimizer", "optimizer"),
        ({"prompt_template": "no places"}, "bad_settings", "prompt_template"),
        ({"prompt_format": "shout"}, "unknown_prompt_format", "prompt_format"),
        ({"prompt_format": "chat"}, "no_chat_template", "prompt_format"),
        ({"system_prompt": "Be brief."}, "bad_settings", "system_prompt"),
        ({"objective": "fame"}, "unknown_objective", "objective"),
        ({"objective": "option_accuracy"}, "no_options", "objective"),
        ({"method": "faithful", "optimizer": "cma"}, "not_faithful", "method"),
        ({"options": ["a"]}, "bad_options", "examples"),
        ({"examples": [{"input": "a", "output": "b", "options": ["c", "d"]}]}, "bad_options", "examples"),
        ({"name": "a b"}, "bad_name", "name"),
        ({"name": "../x"}, "bad_name", "name"),
        ({"name": "x" * 97}, "bad_name", "name"),
    ],
)
def test_refuses(alice_api: Any, body: Any, changes: Any, code: str, field: str) -> None:
    answer = alice_api.post(URL, body | changes)
    assert answer.status_code == 400, answer.json()
    assert answer.json()["code"] == code
    assert field in answer.json()["fields"]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"modules": "all"},
        {"modules": {"a": 1}},
        {"modules": [1]},
        {"modules": None},
        {"examples": "a => b"},
        {"examples": [1]},
        {"examples": [{"input": "a\u0000", "output": "b"}]},
        {"budget": "many"},
        {"budget": None},
        {"penalty": "nan"},
        {"visibility": "secret"},
        {"base_model": None},
        {"base_model": ["a"]},
        {"name": "\u0000"},
    ],
)
def test_refuses_what_is_of_the_wrong_kind(alice_api: Any, body: Any, changes: Any) -> None:
    answer = alice_api.post(URL, body | changes)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "detail", "fields"}
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "raw", [b'{"name": "\\ud800"}', b"", b"{", b"[]", b'{"budget": NaN}', b"[" * 5000, b'{"a": 1e999}']
)
def test_refuses_what_is_no_request(alice_api: Any, raw: bytes) -> None:
    answer = alice_api.post(URL, raw, content_type="application/json")
    assert answer.status_code == 400
    assert not Job.objects.exists()


def test_names_every_problem_at_once(alice_api: Any, body: Any) -> None:
    answer = alice_api.post(URL, body | {"budget": 0, "examples": [], "modules": ["no/such", "bob/m0"]})
    assert set(answer.json()["fields"]) == {"budget", "examples", "modules"}


def test_a_private_module_of_somebody_else_is_unknown(alice_api: Any, body: Any, private_module: str) -> None:
    hidden = alice_api.post(URL, body | {"modules": [private_module]}).json()
    missing = alice_api.post(URL, body | {"modules": ["bob/nothing"]}).json()
    assert hidden["code"] == missing["code"] == "unknown_module"
    assert hidden["detail"].replace("secret", "nothing") == missing["detail"]


def test_its_owner_may_use_a_private_module(bob_api: Any, body: Any, private_module: str) -> None:
    assert bob_api.post(URL, body | {"modules": [private_module]}).status_code == 201


def test_a_module_of_another_base_model(alice_api: Any, bob: Any, body: Any, tmp_path: Any) -> None:
    from composer.base_model import describe_base_model
    from hub.registry.services import register_base_model

    base = tiny.save_gpt2(tmp_path / "gpt2")
    register_base_model(describe_base_model(base, model_id="tests/other"), folder=str(base))
    publish(bob, "other", tiny.save_lora(base, tmp_path / "m", model_id="tests/other"))
    answer = alice_api.post(URL, body | {"modules": ["bob/m0", "bob/other"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "other_base_model")
    assert "tests/other" in answer.json()["detail"]
    assert tiny.MODEL_ID in answer.json()["detail"]


def test_a_module_of_a_base_model_that_is_not_here(
    alice_api: Any, bob: Any, body: Any, tiny_base: Any, tmp_path: Any
) -> None:
    publish(bob, "far", tiny.save_lora(tiny_base, tmp_path / "m", model_id="far/away"))
    answer = alice_api.post(URL, body | {"modules": ["bob/far"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_base")


def test_a_module_that_cannot_be_composed(
    alice_api: Any, bob: Any, body: Any, tiny_base: Any, tmp_path: Any
) -> None:
    folder = tiny.save_lora(tiny_base, tmp_path / "m")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"init_lora_weights": "pissa"}))
    assert not publish(bob, "pissa", folder).composable
    answer = alice_api.post(URL, body | {"modules": ["bob/pissa"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "unsupported_adapter")
    assert "bob/pissa" in answer.json()["detail"]
    assert "initial factors" in answer.json()["detail"]


def test_auto_without_any_module(alice_api: Any, base_model: Any, body: Any) -> None:
    from hub.registry.models import Module

    Module.objects.update(is_private=True)
    answer = alice_api.post(URL, body | {"modules": "auto"})
    assert (answer.status_code, answer.json()["code"]) == (400, "no_modules")


def test_a_taken_name(alice_api: Any, alice: Any, body: Any, tiny_modules: Any) -> None:
    publish(alice, "Mine", tiny_modules[0])
    answer = alice_api.post(URL, body | {"name": "mine"})
    assert (answer.status_code, answer.json()["code"]) == (400, "name_taken")


def test_too_many_unfinished_jobs(alice_api: Any, body: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("hub.jobs.services.MAX_UNFINISHED", 1)
    assert alice_api.post(URL, body).status_code == 201
    answer = alice_api.post(URL, body)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_jobs")


@pytest.mark.django_db(transaction=True)
def test_a_broken_broker_fails_no_request(alice_api: Any, body: Any, settings: Any) -> None:
    queue = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])
    aside = queue.rename(queue.with_name("aside"))
    queue.touch()  # a file where the broker's folder was
    try:
        answer = alice_api.post(URL, body)
    finally:
        queue.unlink()
        aside.rename(queue)
    assert answer.status_code == 201
    assert Job.objects.get().sent_at is None
    assert sweep() == [Job.objects.get().pk]  # once the broker is back


@pytest.mark.django_db(transaction=True)
def test_wakes_a_worker_once_the_row_is_safe(alice_api: Any, body: Any) -> None:
    assert alice_api.post(URL, body).status_code == 201
    assert Job.objects.get().sent_at is not None
