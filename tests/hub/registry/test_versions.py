"""The pages of commits, differences, branches and tags."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.registry.models import Module, Ref, Revision
from hub.registry.services import yank_revision
from hub.registry.services.diff import compare
from tests.composer.adapter_folder import safetensors_bytes, tensors, write_adapter

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def second(module: Module, alice: Any, adapter: Path, publish: Any, tmp_path: Path) -> Revision:
    """Another revision of alice/opposites: alpha 9 -> 32, a line of the card, a new file."""
    write_adapter(adapter, lora_alpha=32)
    card = (adapter / "README.md").read_text()
    (adapter / "README.md").write_text(card + f"\nMore to read. {HOSTILE}\n")
    (adapter / "notes.txt").write_text("a\nb\n")
    return publish(alice, create=False, message="More words")


def test_the_commits_of_a_module(client: Any, module: Module, second: Revision) -> None:
    page = client.get("/alice/opposites/commits/main").content.decode()
    assert page.index(second.short) < page.index(second.parent.short)
    assert "More words" in page
    assert "New branch or tag" not in page
    assert client.get("/alice/opposites/versions").url == "/alice/opposites/commits/main"
    assert second.short not in client.get("/alice/opposites/commits/v1").content.decode().split("Branches")[0]


def test_a_long_history_has_pages(
    client: Any, alice: Any, module: Module, adapter: Path, publish: Any, django_assert_max_num_queries: Any
) -> None:
    for index in range(32):
        (adapter / "notes.txt").write_text(str(index))
        publish(alice, create=False, message=f"number {index:02}")
    with django_assert_max_num_queries(12):
        first = client.get("/alice/opposites/commits/main").content.decode()
    assert "number 31" in first
    assert "number 01" not in first
    older = client.get("/alice/opposites/commits/main?from=30").content.decode()
    assert "number 01" in older
    assert client.get("/alice/opposites/commits/main?from=x").status_code == 200


def test_a_commit_shows_what_changed(client: Any, second: Revision) -> None:
    page = client.get(f"/alice/opposites/commit/{second.commit}").content.decode()
    assert "lora_alpha" in page
    assert '<td class="line-text">More to read. &lt;script&gt;' in page
    assert HOSTILE not in page
    assert '<span class="mono">notes.txt</span> <span class="badge badge-good">added</span>' in page
    assert client.get(f"/alice/opposites/commit/{second.short}").status_code == 200
    assert client.get("/alice/opposites/commit/ffffffff").status_code == 404


def test_the_first_commit_adds_everything(client: Any, module: Module) -> None:
    page = client.get(f"/alice/opposites/commit/{module.head.commit}").content.decode()
    assert "adapter_model.safetensors" in page
    assert "badge-bad" not in page


def test_fields_tensors_and_lines(module: Module, second: Revision, tmp_path: Path) -> None:
    diffs = {diff.path: diff for diff in compare(second.parent, second)}
    assert set(diffs) == {"README.md", "adapter_config.json", "notes.txt"}
    changed = {change.name: (change.before, change.after) for change in diffs["adapter_config.json"].changes}
    before = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert before["lora_alpha"] == 32
    assert list(changed) == ["lora_alpha"]
    assert changed["lora_alpha"][1] == "32"
    kinds = [line.kind for line in diffs["README.md"].lines]
    assert kinds.count("added") == 2
    assert "removed" not in kinds
    back = {diff.path: diff.kind for diff in compare(second, second.parent)}
    assert back["notes.txt"] == "removed"


def test_tensors_that_were_reshaped(module: Module, alice: Any, adapter: Path, publish: Any) -> None:
    write_adapter(adapter, weights=safetensors_bytes(tensors(rank=2)), r=2)
    new = publish(alice, create=False)
    diff = next(d for d in compare(module.head, new) if d.path.endswith(".safetensors"))
    assert diff.changes
    assert all(change.before.startswith("F") and change.before != change.after for change in diff.changes)


def test_any_two_are_compared(client: Any, second: Revision) -> None:
    page = client.get("/alice/opposites/compare/v1...main").content.decode()
    assert "3 files changed" in page
    assert "No difference" in client.get("/alice/opposites/compare/main...v2").content.decode()
    form = client.get("/alice/opposites/compare", {"before": "v1", "after": "main"})
    assert form.url == "/alice/opposites/compare/v1...main"
    for wrong in ("/compare", "/compare/main", "/compare/v1...nothing"):
        assert client.get(f"/alice/opposites{wrong}").status_code == 404


def test_branches_and_tags_are_made_and_deleted(alice_client: Any, client: Any, second: Revision) -> None:
    made = alice_client.post(
        "/alice/opposites/refs", {"kind": "tag", "name": "v1.0", "at": "v1"}, follow=True
    )
    assert "v1.0" in made.content.decode()
    alice_client.post("/alice/opposites/refs", {"kind": "branch", "name": "feature/x", "at": "main"})
    assert set(Ref.objects.values_list("kind", "name")) == {
        ("branch", "main"),
        ("tag", "v1.0"),
        ("branch", "feature/x"),
    }
    assert client.get("/alice/opposites/commits/feature/x").status_code == 200
    for wrong in ("", "no good", "v1.0"):
        page = alice_client.post("/alice/opposites/refs", {"kind": "tag", "name": wrong}, follow=True)
        assert "Nothing was made." in page.content.decode()
    alice_client.post("/alice/opposites/refs/delete", {"kind": "tag", "name": "v1.0"})
    alice_client.post("/alice/opposites/refs/delete", {"kind": "branch", "name": "main"})
    assert set(Ref.objects.values_list("name", flat=True)) == {"main", "feature/x"}


def test_an_old_version_is_brought_back(alice_client: Any, module: Module, second: Revision) -> None:
    alice_client.post("/alice/opposites/bring-back/v1")
    module.refresh_from_db()
    assert module.head.number == 3
    assert compare(second.parent, module.head) == []
    assert "Bring back version 1" in module.head.message


@pytest.mark.parametrize("who", ["client", "bob_client"])
def test_only_its_writers_change_refs(request: Any, who: str, module: Module) -> None:
    visitor = request.getfixturevalue(who)
    for path, body in (
        ("refs", {"kind": "tag", "name": "x"}),
        ("refs/delete", {"kind": "branch", "name": "main"}),
        ("bring-back/main", {}),
    ):
        answer = visitor.post(f"/alice/opposites/{path}", body)
        assert answer.status_code == (302 if who == "client" else 404)
    assert Ref.objects.count() == 1
    assert Revision.objects.count() == 1


def test_a_yanked_version_says_why(client: Any, alice: Any, second: Revision) -> None:
    yank_revision(user=alice, revision=second, reason="wrong data")
    assert "Yanked: wrong data" in client.get("/alice/opposites/commits/main").content.decode()
    assert "wrong data" in client.get("/alice/opposites/commit/main").content.decode()


def test_the_inside_of_a_gated_module_is_not_compared(
    client: Any, alice_client: Any, second: Revision
) -> None:
    Module.objects.update(gate="manual")
    page = client.get(f"/alice/opposites/commit/{second.commit}").content.decode()
    assert "More to read" not in page
    assert "notes.txt" in page
    assert "More to read" in alice_client.get(f"/alice/opposites/commit/{second.commit}").content.decode()
