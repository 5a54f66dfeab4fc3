"""POST commit: what is taken, what is refused, and that nothing of a refused commit stays."""

import hashlib
import json

import pytest

from hub.hfapi.models import Upload
from hub.registry.models import Module, Revision
from hub.registry.services import PublishError, RegistryError
from hub.registry.services import commits as service
from hub.registry.services.commits import Changes, commit_changes
from tests.hub.hfapi.conftest import Program, adapter_lines, file, refused

REPO = "alice/pushed"


def head() -> str:
    return Module.objects.get(name="pushed").refs.get(name="main").revision.commit


def test_a_draft_becomes_a_module_with_its_last_file(program, stranger, adapter, base_model, client):
    assert program.create().json()["url"] == "http://testserver/alice/pushed"
    *first, last = adapter_lines(adapter)
    assert program.commit(REPO, *first).status_code == 200
    assert Module.objects.get(name="pushed").is_draft
    for who in (stranger, Program(None)):
        refused(who.get(f"/api/models/{REPO}"), 404, "unknown_module")
        refused(who.get(f"/{REPO}/resolve/main/README.md"), 404, "unknown_module")
    assert client.get(f"/{REPO}").status_code == 404
    answer = program.commit(REPO, last)
    assert answer.json()["commitUrl"] == f"http://testserver/alice/pushed/commit/{answer.json()['commitOid']}"
    module = Module.objects.get(name="pushed")
    assert (module.head.rank, module.license, module.base_model) == (4, "mit", base_model)
    assert stranger.get(f"/api/models/{REPO}").json()["sha"] == module.head.commit
    assert client.get(f"/{REPO}").status_code == 200


def test_the_owner_sees_the_page_of_a_draft(program, adapter, alice_client, bob_client):
    program.create()
    program.commit(REPO, file("notes.txt", b"x"))
    page = alice_client.get(f"/{REPO}").content.decode()
    assert "notes.txt" in page
    assert "Only you see this page" in page
    assert bob_client.get(f"/{REPO}").status_code == 404


def test_the_same_commit_again_is_harmless(program, adapter):
    program.create()
    parent = head()
    first = program.commit(REPO, *adapter_lines(adapter), parentCommit=parent).json()["commitOid"]
    again = program.commit(REPO, *adapter_lines(adapter), parentCommit=parent)
    assert again.json()["commitOid"] == first
    changed = program.commit(REPO, file("a.txt", b"a"), parentCommit=first).json()["commitOid"]
    assert program.commit(REPO, file("a.txt", b"a"), parentCommit=first).json()["commitOid"] == changed
    assert Revision.objects.count() == 3


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        ([file("../x.txt", b"x")], 400, "bad_path"),
        ([file("/etc/x.txt", b"x")], 400, "bad_path"),
        ([file(".git/config.txt", b"x")], 400, "bad_path"),
        ([file("a\0b.txt", b"x")], 400, "bad_json"),
        ([file("training_args.bin", b"x")], 400, "pickle_not_allowed"),
        ([file("run.py", b"x")], 400, "file_not_allowed"),
        ([file("adapter_config.json", b"{")], 400, "bad_json"),
        ([file("adapter_model.safetensors", b"\x80\x04\x95" + b"x" * 20)], 400, "pickle_not_allowed"),
        ([("lfsFile", {"path": "a.json", "algo": "sha256", "oid": "0" * 64})], 400, "unknown_oid"),
        ([("lfsFile", {"path": "a.json", "algo": "sha256", "oid": "0" * 63})], 400, "bad_json"),
        ([("deletedFile", {"path": "nothing.txt"})], 404, "unknown_file"),
        ([("deletedFile", {"path": "adapter_model.safetensors"})], 400, "missing_file"),
        ([("file", {"path": "a.txt", "encoding": "base64", "content": "@@@"})], 400, "bad_json"),
        ([("file", {"path": "a.txt", "encoding": "utf-16", "content": "x"})], 400, "bad_json"),
        ([("surprise", {"path": "a.txt"})], 400, "bad_json"),
        ([file("a.txt", b"x"), file("A.TXT", b"x")], 400, "bad_path"),
        ([file("a.txt", b"x"), file("a.txt/b.txt", b"x")], 400, "bad_path"),
    ],
)
def test_refused_and_nothing_stored(program, adapter, lines, status, code):
    program.create()
    program.commit(REPO, *adapter_lines(adapter))
    before = head()
    refused(program.commit(REPO, *lines), status, code)
    assert head() == before
    assert Revision.objects.count() == 2


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"key": "header"}', b'{"key": 1, "value": []}'])
def test_bodies_that_are_no_commit(program, body):
    program.create()
    answer = program.send("POST", f"/api/models/{REPO}/commit/main", body, "application/x-ndjson")
    refused(answer, 400, "bad_json")


def test_a_stale_parent(program, adapter):
    program.create()
    stale = head()
    program.commit(REPO, *adapter_lines(adapter))
    refused(program.commit(REPO, file("b.txt", b"b"), parentCommit=stale), 412, "stale_parent")


def test_two_pushes_at_once(program, adapter, alice, monkeypatch):
    """The second sees that the branch has moved while it was checked, and is made on top of the first."""
    program.create()
    program.commit(REPO, *adapter_lines(adapter))
    module = Module.objects.select_related("namespace", "head").get(name="pushed")
    checked, others = service._checked, [("first.txt", b"1")]

    def interrupted(*arguments):
        found = checked(*arguments)
        if others:
            path, data = others.pop()
            assert program.commit(REPO, file(path, data)).status_code == 200
        return found

    monkeypatch.setattr(service, "_checked", interrupted)
    assert program.commit(REPO, file("second.txt", b"2")).status_code == 200
    paths = {entry["path"] for entry in program.get(f"/api/models/{REPO}/tree/main").json()}
    assert {"first.txt", "second.txt"} <= paths
    assert module.revisions.count() == 4


def test_strangers_and_readers(program, stranger, visitor, alice, adapter, module, private_module):
    line = file("x.txt", b"x")
    refused(visitor.commit("alice/opposites", line), 401, "sign_in_needed")
    refused(stranger.commit("alice/opposites", line), 403, "forbidden")
    refused(stranger.commit("alice/secret", line), 404, "unknown_module")
    refused(Program(alice, "read").commit("alice/opposites", line), 403, "read_only_token")
    refused(program.commit("Alice/opposites", line), 404, "unknown_module")
    refused(program.commit("alice/opposites", line, branch="nothing"), 404, "unknown_revision")
    assert module.revisions.count() == 1


def test_a_session_is_not_enough_to_write(alice_client, module):
    answer = alice_client.post(
        "/api/repos/create", json.dumps({"name": "x"}), content_type="application/json"
    )
    refused(answer, 401, "sign_in_needed")


def test_nobody_gets_a_private_file_by_its_hash(stranger, private_module, adapter):
    sha256 = hashlib.sha256((adapter / "README.md").read_bytes()).hexdigest()
    stranger.create("thief")
    line = ("lfsFile", {"path": "README.md", "algo": "sha256", "oid": sha256})
    refused(stranger.commit("charlie/thief", line), 400, "unknown_oid")
    sent = stranger.batch("charlie/thief", (adapter / "README.md").read_bytes()).json()
    assert "actions" in sent["objects"][0]
    assert not Upload.objects.exists()


def test_branches_keep_main_as_it_is(program, adapter, alice):
    program.create()
    program.commit(REPO, *adapter_lines(adapter))
    before = head()
    assert program.post(f"/api/models/{REPO}/branch/next", {}).status_code == 200
    gone = ("deletedFile", {"path": "adapter_model.safetensors"})
    assert program.commit(REPO, gone, branch="next").status_code == 200
    assert head() == before
    module = Module.objects.select_related("namespace", "head").get(name="pushed")
    assert module.head.commit == before
    with pytest.raises(PublishError):
        commit_changes(user=alice, module=module, changes=Changes(removed=["adapter_model.safetensors"]))
    with pytest.raises(RegistryError):
        commit_changes(user=alice, module=module, changes=Changes(removed=["README.md"]), branch="v1")


def test_what_is_said_on_the_site_stays_until_the_card_is_new(program, adapter, alice):
    program.create()
    program.commit(REPO, *adapter_lines(adapter))
    Module.objects.update(summary="Said on the site", license="apache-2.0")
    program.commit(REPO, file("a.txt", b"a"))
    assert Module.objects.values_list("summary", "license").get() == ("Said on the site", "apache-2.0")
    program.commit(REPO, file("README.md", b"---\nlicense: mit\n---\n# New\n"))
    assert Module.objects.values_list("summary", "license").get() == ("Said on the site", "mit")
