"""Renamed, moved, deleted, restored: what becomes of a module's name."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hub.accounts import organisations
from hub.accounts.models import AuditEvent
from hub.registry.models import Module
from hub.registry.services import PublishError, find_module, move_module

FILE = "resolve/main/adapter_config.json"
API = "/api/v1/modules/alice/opposites/"


def test_the_old_address_leads_to_the_new_one(alice_client, client, module):
    answer = alice_client.post("/alice/opposites/move", {"name": "antonyms"})
    assert answer.url == "/alice/antonyms"
    assert client.get("/alice/opposites").url == "/alice/antonyms"
    moved = client.get(f"/alice/Opposites/{FILE}")
    assert (moved.status_code, moved.headers["Location"]) == (307, f"/alice/antonyms/{FILE}")
    answer = client.get(f"{API}?revision=v1")
    assert (answer.status_code, answer.headers["Location"]) == (
        307,
        "/api/v1/modules/alice/antonyms/?revision=v1",
    )
    assert [card.name for card in client.get("/modules/?search=antonyms").context["cards"]] == ["antonyms"]
    assert AuditEvent.objects.filter(action="module.rename", details__before="alice/opposites").exists()


def test_an_old_name_is_not_given_to_another_module(alice, module, publish):
    move_module(user=alice, module=module, namespace=alice.namespace, name="antonyms")
    with pytest.raises(PublishError, match="leads to alice/antonyms") as error:
        publish(alice, "Opposites")
    assert error.value.status == 409


def test_there_and_back_again(alice, module):
    for name in ("antonyms", "opposites", "Opposites"):
        module = move_module(user=alice, module=module, namespace=alice.namespace, name=name)
        assert find_module(f"alice/{name}", alice).name == name
    assert find_module("alice/antonyms", alice).name == "Opposites"


def test_moved_to_an_organisation(alice_api, alice, bob, module, client):
    organisations.create_organisation(user=alice, name="weavers")
    answer = alice_api.post(f"{API}move/", {"to": "weavers/opposites"})
    assert (answer.status_code, answer.json()["full_name"]) == (200, "weavers/opposites")
    assert client.get("/alice/opposites").url == "/weavers/opposites"


def test_a_private_module_does_not_betray_itself_by_its_old_name(alice, client, private_module):
    move_module(user=alice, module=private_module, namespace=alice.namespace, name="hidden")
    assert client.get("/alice/secret").status_code == 404
    assert client.get(f"/alice/secret/{FILE}").status_code == 404


@pytest.mark.parametrize(
    ("to", "code"),
    [("a b", "bad_name"), ("other", "name_taken"), ("bob/opposites", "forbidden"), ("nobody/x", "forbidden")],
)
def test_names_it_cannot_have(alice_api, bob, module, publish_other, alice, to, code):
    publish_other(alice, "other")
    answer = alice_api.post(f"{API}move/", {"to": to})
    assert answer.json()["code"] == code
    module.refresh_from_db()
    assert module.full_name == "alice/opposites"


def test_only_owners_rename(charlie_client, charlie_api, client, module):
    assert charlie_client.post("/alice/opposites/move", {"name": "mine"}).status_code == 404
    assert charlie_api.post(f"{API}move/", {"to": "charlie/mine"}).status_code == 403
    assert client.post("/alice/opposites/move", {"name": "mine"}).url.startswith("/signin/")


def test_a_deleted_module_is_restored(alice_client, client, module):
    alice_client.post("/alice/opposites/delete", {"confirm": "alice/opposites"})
    assert "alice/opposites" in alice_client.get("/settings/storage/").content.decode()
    assert alice_client.post("/alice/opposites/restore").url == "/alice/opposites"
    assert client.get("/alice/opposites").status_code == 200
    assert [card.name for card in client.get("/modules/?search=opposites").context["cards"]] == ["opposites"]


def test_strangers_restore_nothing(charlie_client, charlie_api, alice_client, module):
    alice_client.post("/alice/opposites/delete", {"confirm": "alice/opposites"})
    assert charlie_client.post("/alice/opposites/restore").status_code == 404
    assert charlie_api.post(f"{API}restore/").status_code == 404
    assert Module.objects.get().deleted_at is not None


def test_a_name_rests_and_is_then_given_again(alice_api, alice, module, publish):
    alice_api.delete(API)
    with pytest.raises(PublishError, match="is kept until"):
        publish(alice, "opposites")
    Module.objects.update(deleted_at=timezone.now() - timedelta(days=91))
    assert alice_api.post(f"{API}restore/").json()["code"] == "unknown_module"
    assert publish(alice, "opposites").module.pk != module.pk


def test_yanked_with_a_reason_that_clients_show(alice_client, client, module, alice, base_model):
    commit = module.head.commit
    alice_client.post(f"/alice/opposites/yank/{commit}", {"reason": "Trained on the test rows – sorry."})
    page = client.get("/alice/opposites").content.decode()
    assert "was yanked" in page
    assert "Trained on the test rows" in page
    assert "Compose with this" not in page
    warning = client.head(f"/alice/opposites/{FILE}").headers["X-HF-Warning"]
    assert warning.startswith(f"yanked-{commit[:8]}; alice/opposites@")
    assert "Trained on the test rows ? sorry." in warning
    alice_client.post(f"/alice/opposites/yank/{commit}", {"unyank": "1"})
    assert "X-HF-Warning" not in client.head(f"/alice/opposites/{FILE}").headers


def test_a_yanked_revision_is_not_composed(alice_api, alice, module, base_model):
    from composer.examples import Example
    from hub.jobs.errors import JobRefused
    from hub.jobs.preflight import ComposeRequest, check_request
    from hub.registry.services import candidates_for

    examples = [Example(input="hot", output="cold")]
    answer = alice_api.put(f"{API}revisions/main/yank/", {"reason": "Broken."})
    assert answer.json()["yanked"] == "Broken."
    assert candidates_for(base_model, alice, examples) == []
    with pytest.raises(JobRefused, match="was yanked: Broken"):
        check_request(alice, ComposeRequest(base_model.model_id, ["alice/opposites"], examples))
    assert alice_api.delete(f"{API}revisions/main/yank/").json()["yanked"] is None
    assert len(candidates_for(base_model, alice, examples)) == 1


@pytest.mark.parametrize("reason", ["", " ", "x" * 201])
def test_a_yank_needs_a_reason(alice_api, module, reason):
    assert alice_api.put(f"{API}revisions/main/yank/", {"reason": reason}).status_code == 400
    module.head.refresh_from_db()
    assert module.head.yanked_at is None


def test_strangers_yank_nothing(charlie_client, charlie_api, module):
    assert (
        charlie_client.post(f"/alice/opposites/yank/{module.head.commit}", {"reason": "x"}).status_code == 404
    )
    assert charlie_api.put(f"{API}revisions/main/yank/", {"reason": "x"}).status_code == 403
