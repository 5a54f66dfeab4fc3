"""Imports from a second hub that really runs: single modules, whole accounts, again, cancelled, resumed, refused."""

import hashlib
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from hub.registry.models import Module
from hub.transfers import runner, services
from hub.transfers.errors import TransferError
from hub.transfers.models import Import, ImportItem
from hub.transfers.wire import get_json


def start(user: Any, source: str, endpoint: str, **options: Any) -> Import:
    return services.request_import(
        user=user, namespace=user.namespace, source=source, endpoint=endpoint, **options
    )


def run(transfer: Import) -> Import:
    runner.run_import(transfer.pk)
    transfer.refresh_from_db()
    return transfer


def test_a_module_comes_with_its_files_licence_and_card(alice: Any, client: Any, allowed: str) -> None:
    done = run(start(alice, "far/opposites", allowed))
    assert (done.status, done.error) == ("finished", "")
    module = Module.objects.get()
    assert (module.full_name, module.license, module.languages) == ("alice/opposites", "mit", ["en", "de"])
    assert module.base_model_label == "tests/tiny"
    files = dict(module.head.files.values_list("path", "blob__sha256"))
    assert set(files) == {"README.md", "adapter_config.json", "adapter_model.safetensors", "eval/notes.txt"}
    for path, sha256 in files.items():
        with urllib.request.urlopen(f"{allowed}/far/opposites/resolve/main/{path}") as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == sha256
    assert "far/opposites at" in module.head.message
    item = done.items.get()
    assert (item.status, item.revision, len(item.commit)) == ("done", module.head, 40)
    assert client.get("/alice/opposites").status_code == 200


def test_the_same_commit_again_changes_nothing_and_another_is_a_new_revision(
    alice: Any, allowed: str
) -> None:
    run(start(alice, "far/opposites", allowed, revision="v1"))
    again = run(start(alice, "far/opposites", allowed, revision="v1"))
    assert again.items.get().status == "same"
    module = Module.objects.get()
    assert module.revisions.count() == 1
    run(start(alice, "far/opposites", allowed))
    assert module.revisions.count() == 2


def test_a_whole_account(alice: Any, allowed: str, api_for: Any) -> None:
    done = run(start(alice, "far/*", allowed, private=True))
    assert {item.source: item.status for item in done.items.all()} == {
        "far/opposites": "done",
        "far/third": "done",
    }
    assert set(Module.objects.values_list("name", "is_private")) == {("opposites", True), ("third", True)}
    said = api_for(alice).get(f"/api/v1/imports/{done.pk}/").json()
    assert {item["module"] for item in said["items"]} == {"alice/opposites", "alice/third"}


def test_a_name_that_is_something_else_here_is_kept(
    alice: Any, allowed: str, publish: Any, base_model: Any
) -> None:
    mine = publish(alice, "third")
    done = run(start(alice, "far/*", allowed))
    third = done.items.get(source="far/third")
    assert (third.status, third.error_code) == ("failed", "name_taken")
    assert done.items.get(source="far/opposites").status == "done"
    assert Module.objects.get(name="third").head == mine


def test_another_worker_goes_on_where_one_died(alice: Any, allowed: str) -> None:
    transfer = start(alice, "far/*", allowed)
    taken = services.claim(transfer.pk)
    assert taken is not None
    runner._list(taken)
    runner._one(taken.items.select_related("transfer").first())  # type: ignore[arg-type]
    assert services.claim(transfer.pk) is None  # it seems to live
    Import.objects.update(changed_at=Now() - timedelta(minutes=10), sent_at=None)
    assert services.send_again() == 1
    done = run(transfer)
    assert done.status == "finished"
    assert done.attempt == 2
    assert Module.objects.count() == 2
    assert services.is_ours(taken) is False  # the first worker, if it comes back


def test_a_cancelled_import_begins_nothing_more(alice: Any, alice_client: Any, allowed: str) -> None:
    transfer = start(alice, "far/*", allowed)
    alice_client.post(f"/import/{transfer.pk}/cancel")
    assert run(transfer).status == "cancelled"
    assert not Module.objects.exists()
    alice_client.post(f"/import/{transfer.pk}/retry")
    assert run(transfer).status == "finished"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("far/secret", "not_found"),
        ("far/nothing", "not_found"),
        ("far/draft", "not_found"),
        ("nobody/*", "not_found"),
    ],
)
def test_what_is_not_public_over_there_is_not_found(alice: Any, allowed: str, source: str, code: str) -> None:
    done = run(start(alice, source, allowed))
    codes = {done.error_code, *done.items.values_list("error_code", flat=True)} - {""}
    assert codes == {code}
    assert not Module.objects.exists()


def test_over_the_quota_nothing_is_stored(alice: Any, allowed: str, settings: Any) -> None:
    settings.HUB_QUOTA_MODULES = 1
    done = run(start(alice, "far/*", allowed))
    assert sorted(item.status for item in done.items.all()) == ["done", "failed"]
    assert Module.objects.count() == 1


@pytest.mark.parametrize(
    ("endpoint", "source", "code"),
    [
        ("https://example.org", "a/b", "host_not_allowed"),
        ("http://huggingface.co", "a/b", "host_not_allowed"),
        ("http://169.254.169.254", "a/b", "host_not_allowed"),
        ("", "nonsense", "bad_source"),
        ("", "../x", "bad_source"),
        ("", "a/b/c", "bad_source"),
        ("", "*/x", "bad_source"),
    ],
)
def test_refuses(alice: Any, endpoint: str, source: str, code: str) -> None:
    with pytest.raises(TransferError) as caught:
        start(alice, source, endpoint)
    assert caught.value.code == code
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    "url", ["https://localhost/api/models/a/b", "http://127.0.0.1:1/x", "https://127.0.0.1/x"]
)
def test_private_addresses_are_never_asked(settings: Any, url: str) -> None:
    settings.HUB_IMPORT_HOSTS = ["localhost", "127.0.0.1"]
    with pytest.raises(TransferError) as caught:
        get_json(url)
    assert caught.value.code == "host_not_allowed"


def test_a_hub_that_does_not_answer(alice: Any, settings: Any) -> None:
    settings.HUB_IMPORT_HOSTS = ["http://127.0.0.1:9"]
    done = run(start(alice, "a/b", "http://127.0.0.1:9"))
    assert done.items.get().error_code == "unreachable"


def test_the_page_keeps_what_was_typed_and_a_double_click_is_one(alice_client: Any, allowed: str) -> None:
    wrong = alice_client.post("/import/", {"source": "no good", "endpoint": allowed})
    assert wrong.status_code == 400
    assert 'value="no good"' in wrong.content.decode()
    made = [alice_client.post("/import/", {"source": "far/third", "endpoint": allowed}).url for _ in range(2)]
    assert made[0] == made[1]
    run(Import.objects.get())
    page = alice_client.get(made[0]).content.decode()
    assert "alice/third" in page
    assert "hx-get" not in page
    assert "far/third" in alice_client.get("/import/").content.decode()


def test_imports_are_their_owners(
    client: Any, alice: Any, charlie_client: Any, charlie_api: Any, allowed: str
) -> None:
    transfer = start(alice, "far/third", allowed)
    for path in ("", "cancel", "retry"):
        visit = charlie_client.post if path else charlie_client.get
        assert visit(f"/import/{transfer.pk}/{path}").status_code == 404
    assert charlie_api.get(f"/api/v1/imports/{transfer.pk}/").status_code == 404
    assert client.get("/import/").status_code == 302


def test_only_into_what_one_may_publish_in(bob: Any, alice_api: Any, allowed: str) -> None:
    body = {"source": "far/third", "endpoint": allowed, "owner": "bob"}
    answer = alice_api.post("/api/v1/imports/", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_over_the_api(api: Any, alice_api: Any, api_for: Any, alice: Any, allowed: str) -> None:
    body = {"source": "far/third", "endpoint": allowed}
    assert api.post("/api/v1/imports/", body).status_code == 401
    assert api_for(alice, "read").post("/api/v1/imports/", body).status_code == 403
    made = alice_api.post("/api/v1/imports/", body)
    assert made.status_code == 201
    address = f"/api/v1/imports/{made.json()['id']}/"
    assert alice_api.post(f"{address}retry/").json()["code"] == "not_finished"
    assert alice_api.post(f"{address}cancel/").json()["status"] == "cancelled"
    assert [row["id"] for row in alice_api.get("/api/v1/imports/").json()["results"]] == [made.json()["id"]]
    assert (
        alice_api.post("/api/v1/imports/", {"source": "x/y", "endpoint": "https://evil.example"}).status_code
        == 400
    )


def test_the_command(alice: Any, allowed: str, capsys: Any) -> None:
    call_command("import_hub", "far/*", "--as", "alice", "--endpoint", allowed)
    said = capsys.readouterr().out
    assert "far/opposites: imported -> alice/opposites" in said
    assert ImportItem.objects.filter(status="done").count() == 2
