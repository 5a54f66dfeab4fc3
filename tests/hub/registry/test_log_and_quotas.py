"""The owners' log of modules, and what a namespace may take of the hub."""

import pytest

from hub.accounts import organisations
from hub.registry.models import Module
from hub.registry.services import PublishError
from hub.registry.services.quotas import usage_of
from tests.hub.registry.conftest import upload_form

LOG = "/alice/opposites/log"


def test_the_log_says_who_did_what_by_which_token(alice_api, alice_client, module):
    alice_api.patch("/api/v1/modules/alice/opposites/", {"private": True})
    for page in (LOG, "/settings/log/"):
        text = alice_client.get(page).content.decode()
        assert "published alice/opposites" in text
        assert "made alice/opposites private" in text
        assert "by token test (hf_" in text
    for address in ("/api/v1/modules/alice/opposites/log/", "/api/v1/log/"):
        event = next(
            row for row in alice_api.get(address).json()["results"] if row["action"] == "module.visibility"
        )
        assert (event["actor"], event["subject"]) == ("alice", "alice/opposites")
        assert event["details"] == {"visibility": "private"}


def test_a_deleted_module_stays_in_the_log(alice_client, module):
    alice_client.post("/alice/opposites/delete", {"confirm": "alice/opposites"})
    assert "deleted alice/opposites" in alice_client.get("/settings/log/").content.decode()


def test_the_log_is_for_owners(charlie_client, charlie_api, client, api, module):
    assert charlie_client.get(LOG).status_code == 404
    assert "opposites" not in charlie_client.get("/settings/log/").content.decode()
    assert client.get(LOG).url.startswith("/signin/")
    assert charlie_api.get("/api/v1/modules/alice/opposites/log/").status_code == 403
    assert api.get("/api/v1/modules/alice/opposites/log/").status_code == 401
    assert api.get("/api/v1/log/").status_code == 401


def test_an_organisations_log_is_for_its_owners(alice, alice_client, bob_client, bob_api, alice_api):
    organisations.create_organisation(user=alice, name="weavers")
    assert "made the organisation" in alice_client.get("/organisations/weavers/log/").content.decode()
    assert bob_client.get("/organisations/weavers/log/").status_code == 404
    assert alice_api.get("/api/v1/organisations/weavers/log/").json()["count"] == 1
    assert bob_api.get("/api/v1/organisations/weavers/log/").status_code == 403


def test_each_file_counts_once(alice, module, publish):
    before = usage_of(alice.namespace)
    publish(alice, "the-same-files")
    after = usage_of(alice.namespace)
    assert before.bytes == after.bytes == sum(f.blob.size for f in module.head.files.select_related("blob"))
    assert (before.modules, after.modules) == (1, 2)


@pytest.mark.parametrize("quota", [{"quota_bytes": 1}, {"quota_modules": 1}])
def test_over_the_quota_nothing_is_stored(alice_client, alice, module, publish_other, quota):
    for name, value in quota.items():
        setattr(alice.namespace, name, value)
    alice.namespace.save()
    with pytest.raises(PublishError) as refused:
        publish_other(alice, "one-more")
    assert (refused.value.code, refused.value.status) == ("quota_exceeded", 403)
    assert Module.objects.count() == 1


def test_the_upload_page_says_what_the_quota_is(alice_client, alice_api, module, adapter, settings):
    settings.HUB_QUOTA_MODULES = 1
    answer = alice_client.post("/upload/", upload_form(adapter, name="more"))
    assert answer.status_code == 403
    assert "its quota is 1" in answer.content.decode()
    answer = alice_api.post("/api/v1/modules/", upload_form(adapter, name="more"), format="multipart")
    assert answer.json()["code"] == "quota_exceeded"


def test_usage_in_the_settings_and_over_the_api(alice_client, alice_api, alice, module):
    organisations.create_organisation(user=alice, name="weavers")
    page = alice_client.get("/settings/storage/").content.decode()
    assert "1 of 1000" in page
    assert "weavers" in page
    mine, theirs = alice_api.get("/api/v1/usage/").json()
    assert (mine["modules"], mine["most_modules"]) == (1, 1000)
    assert (theirs["namespace"], theirs["bytes"]) == ("weavers", 0)


def test_a_full_disk_refuses_uploads(alice_api, adapter, base_model, settings):
    settings.HUB_DISK_FLOOR = 10**18
    answer = alice_api.post("/api/v1/modules/", upload_form(adapter), format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert not Module.objects.exists()
