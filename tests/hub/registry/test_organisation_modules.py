"""Modules of an organisation: each role may do what it may, everywhere."""

import pytest

from hub.accounts import organisations
from hub.accounts.models import Membership, Role
from hub.registry.models import Module
from hub.registry.services import ModuleMetadata, publish_revision
from tests.hub.registry.conftest import files_of, upload_form

SECRET = "/weavers/secret"
WEIGHTS = f"{SECRET}/resolve/main/adapter_model.safetensors"


@pytest.fixture
def weavers(alice):
    return organisations.create_organisation(user=alice, name="weavers")


@pytest.fixture
def secret(weavers, alice, adapter, base_model):
    """weavers/secret, private."""
    return publish_revision(
        user=alice,
        namespace=weavers,
        name="secret",
        files=files_of(adapter),
        metadata=ModuleMetadata(),
        private=True,
    ).module


def join(namespace, user, role):
    Membership.objects.create(namespace=namespace, user=user, role=role)


@pytest.mark.parametrize(
    ("role", "see", "edit", "delete"),
    [
        (None, 404, 404, 404),
        (Role.READER, 200, 404, 404),
        (Role.WRITER, 200, 200, 404),
        (Role.OWNER, 200, 200, 302),
    ],
)
def test_what_a_role_may(bob_client, bob, weavers, secret, role, see, edit, delete):
    if role:
        join(weavers, bob, role)
    assert bob_client.get(SECRET).status_code == see
    assert bob_client.head(WEIGHTS).status_code == see
    assert bob_client.get(f"{SECRET}/edit").status_code == edit
    assert bob_client.post(f"{SECRET}/delete", {"confirm": "weavers/secret"}).status_code == delete
    found = Module.objects.visible_to(bob).filter(pk=secret.pk).exists()
    assert found == (role in (Role.READER, Role.WRITER))


def test_a_writer_edits_but_does_not_make_public(bob_client, bob_api, bob, weavers, secret):
    join(weavers, bob, Role.WRITER)
    bob_client.post(f"{SECRET}/edit", {"summary": "New", "base_model": "tests/tiny"})
    secret.refresh_from_db()
    assert (secret.summary, secret.is_private) == ("New", True)
    assert bob_api.patch("/api/v1/modules/weavers/secret/", {"private": False}).status_code == 403


@pytest.mark.parametrize(("role", "status"), [(Role.READER, 403), (Role.WRITER, 201)])
def test_publishing_in_an_organisation(bob_api, bob, weavers, adapter, role, status):
    join(weavers, bob, role)
    form = upload_form(adapter, name="fresh", owner="weavers")
    answer = bob_api.post("/api/v1/modules/", form, format="multipart")
    assert answer.status_code == status
    assert Module.objects.filter(namespace=weavers).exists() == (status == 201)


def test_the_upload_page_offers_the_organisations(bob_client, alice_client, bob, weavers, adapter):
    assert 'name="owner"' not in bob_client.get("/upload/").content.decode()
    page = alice_client.get("/upload/?owner=weavers").content.decode()
    assert '<option value="weavers" selected>' in page
    answer = alice_client.post("/upload/", upload_form(adapter, name="fresh", owner="weavers"))
    assert answer.url == "/weavers/fresh"
    assert alice_client.post("/upload/", upload_form(adapter, name="x", owner="bob")).status_code == 400


def test_an_organisation_with_modules_is_not_deleted(alice_client, weavers, secret, client):
    alice_client.post("/organisations/weavers/delete/", {"confirm": "weavers"})
    assert "still has modules" in alice_client.get("/organisations/weavers/settings/").content.decode()
    assert client.get("/weavers").status_code == 200


def test_the_profile_names_members_and_organisations(client, weavers, secret, bob):
    join(weavers, bob, Role.READER)
    page = client.get("/weavers").content.decode()
    assert 'href="/bob"' in page
    assert "secret" not in page
    assert 'href="/weavers"' in client.get("/bob").content.decode()
