"""What the pages do, over the REST API: revisions, cards, people, deleted modules, checks, reruns."""

import pytest

from hub.accounts import organisations
from hub.jobs.models import Job
from tests.hub.jobs.conftest import (  # noqa: F401 (fixtures)
    base_model,
    body,
    modules,
    private_module,
    submit,
    tiny_base,
    tiny_modules,
)

ROOT = "/api/v1/"


def test_revisions_and_their_files(api, bob_api, modules):  # noqa: F811
    address = f"{ROOT}modules/{modules[0]}/revisions/"
    listed = api.get(address).json()
    assert listed["count"] == 1
    commit = listed["results"][0]["commit"]
    assert api.get(f"{address}?yanked=true").json()["count"] == 0
    one = api.get(f"{address}{commit}/").json()
    assert {file["path"] for file in one["files"]} >= {"adapter_config.json", "adapter_model.safetensors"}
    assert api.get(f"{address}nothing/").json()["code"] == "unknown_revision"
    bob_api.put(f"{address}{commit}/yank/", {"reason": "wrong"})
    assert api.get(f"{address}?yanked=true").json()["count"] == 1


def test_a_private_modules_revisions_are_not_there(api, charlie_api, bob_api, private_module):  # noqa: F811
    address = f"{ROOT}modules/{private_module}/revisions/"
    assert bob_api.get(address).status_code == 200
    for client in (api, charlie_api):
        for rest in ("", "main/", "main/exports/", "main/exports/gguf/download/"):
            assert client.get(address + rest).status_code == 404, rest


def test_a_card_is_edited(bob_api, alice_api, modules):  # noqa: F811
    address = f"{ROOT}modules/{modules[0]}/"
    assert alice_api.patch(address, {"card": "x"}).status_code == 403
    answer = bob_api.patch(address, {"card": "# New words\n"})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["card"].strip() == "# New words"


def test_people(api, alice_api, api_for, alice, alice_client):
    organisations.create_organisation(user=alice, name="words")
    seen = api.get(f"{ROOT}users/Alice/").json()
    assert (seen["username"], seen["organisations"]) == ("alice", ["words"])
    assert "email" not in seen
    me = alice_api.get(f"{ROOT}me/").json()
    assert (me["email"], me["scope"]) == ("alice@example.org", "write")
    assert alice_client.get(f"{ROOT}me/").json()["scope"] == "session"
    assert api.get(f"{ROOT}me/").status_code == 401
    assert api.get(f"{ROOT}users/nobody/").status_code == api.get(f"{ROOT}users/a%00/").status_code == 404


def test_whom_an_organisation_invited(alice, bob, alice_api, charlie_api):
    made = organisations.create_organisation(user=alice, name="words")
    organisations.invite(user=alice, organisation=made, username="bob", role="writer")
    address = f"{ROOT}organisations/words/invitations/"
    assert [row["username"] for row in alice_api.get(address).json()["results"]] == ["bob"]
    assert charlie_api.get(address).status_code == 403
    assert alice_api.get(f"{ROOT}organisations/words/members/?role=reader").json()["count"] == 0
    assert alice_api.get(f"{ROOT}log/?action=token.create").json()["count"] == 1
    assert alice_api.get(f"{ROOT}tokens/?scope=read").json()["count"] == 0


def test_deleted_modules(bob_api, charlie_api, api, modules):  # noqa: F811
    bob_api.delete(f"{ROOT}modules/{modules[0]}/")
    assert [row["full_name"] for row in bob_api.get(f"{ROOT}modules/deleted/").json()["results"]] == [
        modules[0]
    ]
    assert charlie_api.get(f"{ROOT}modules/deleted/").json()["count"] == 0
    assert api.get(f"{ROOT}modules/deleted/").status_code == 401


def test_a_request_is_checked_without_being_stored(alice_api, api, body):  # noqa: F811
    answer = alice_api.post(f"{ROOT}jobs/check/", body)
    assert answer.status_code == 200, answer.json()
    assert answer.json()["waiting"] == 0
    wrong = alice_api.post(f"{ROOT}jobs/check/", body | {"modules": ["bob/none"]})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_module")
    assert api.post(f"{ROOT}jobs/check/", body).status_code == 401
    assert not Job.objects.exists()


def test_a_job_once_more(alice_api, charlie_api, submit, bob_api, modules):  # noqa: F811
    job = submit(budget=3, seed=5)
    address = f"{ROOT}jobs/{job.pk}/rerun/"
    answer = alice_api.post(address, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    again = Job.objects.get(pk=answer.json()["id"])
    assert again.pk != job.pk
    for name in ("examples", "budget", "seed", "method", "namespace", "prompt_template"):
        assert getattr(again, name) == getattr(job, name), name
    assert list(again.modules.values_list("revision")) == list(job.modules.values_list("revision"))
    assert alice_api.post(address, headers={"Idempotency-Key": "k"}).json()["id"] == again.pk
    assert charlie_api.post(address).status_code == 404
    assert alice_api.get(f"{ROOT}jobs/?base_model=none").json()["count"] == 0
    bob_api.delete(f"{ROOT}modules/{modules[0]}/")
    assert alice_api.post(address).json()["code"] == "unknown_module"


@pytest.mark.parametrize("kind", ["gguf", "merged"])
def test_exports(alice_api, api, modules, kind):  # noqa: F811
    from hub.exports.models import Export
    from hub.exports.runner import make_export

    address = f"{ROOT}modules/{modules[0]}/revisions/main/exports/"
    assert api.get(address).json() == []
    assert api.post(address, {"kind": kind}).status_code == 401
    assert alice_api.post(address, {"kind": "zip"}).status_code == 400
    asked = alice_api.post(address, {"kind": kind})
    assert (asked.status_code, asked.json()["status"], asked.json()["url"]) == (202, "waiting", None)
    assert alice_api.get(f"{address}{kind}/download/").status_code == 404
    make_export(Export.objects.get().pk)
    ready = api.get(address).json()[0]
    assert (ready["status"], ready["error"]) == ("ready", "")
    answer = api.get(ready["url"], HTTP_ACCEPT="application/octet-stream")
    assert answer.status_code == 200
    assert len(b"".join(answer.streaming_content)) == ready["size"]
