"""The files of a revision as pages."""

from pathlib import Path
from typing import Any

import pytest

from hub.registry.models import Module, Revision
from hub.registry.services import create_draft, create_ref
from hub.registry.storage import default_storage

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def filled(base_model: Any, alice: Any, adapter: Path, publish: Any) -> Revision:
    """alice/opposites with a folder, a hostile text, and no end of lines."""
    from hub.registry.services import ModuleMetadata, publish_revision

    (adapter / "notes.txt").write_text(f"first\n{SCRIPT}\n")
    (adapter / "long.txt").write_text("x\n" * 300_000)
    (adapter / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    files = {path.name: path for path in adapter.iterdir()}
    files["img/curve.png"] = files.pop("picture.png")
    files["img/more/words.txt"] = files["notes.txt"]
    return publish_revision(
        user=alice, namespace=alice.namespace, name="opposites", files=files, metadata=ModuleMetadata()
    )


def test_the_files_of_the_newest_revision(
    client: Any, filled: Revision, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        page = client.get("/alice/opposites/tree/main").content.decode()
    assert page.index("img/</a>") < page.index("adapter_config.json")
    assert filled.files.get(path="notes.txt").blob.sha256 in page
    inner = client.get("/alice/opposites/tree/main/img").content.decode()
    assert "curve.png" in inner
    assert "more/</a>" in inner
    assert "notes.txt" not in inner
    assert client.get("/alice/opposites/tree/main/none").status_code == 404
    assert client.get("/alice/opposites/tree/nothing").status_code == 404
    assert client.get("/alice/opposites/tree/main/notes.txt").url == "/alice/opposites/blob/main/notes.txt"


def test_a_branch_with_a_slash_and_refs_names(client: Any, alice: Any, filled: Revision) -> None:
    create_ref(user=alice, module=filled.module, kind="branch", name="feature/x")
    for ref in ("feature/x", "refs/heads/main", filled.short, "v1"):
        assert "notes.txt" in client.get(f"/alice/opposites/tree/{ref}").content.decode(), ref
        assert client.get(f"/alice/opposites/blob/{ref}/img/more/words.txt").status_code == 200, ref


def test_the_last_change_of_each_file(
    client: Any, alice: Any, filled: Revision, adapter: Path, publish: Any
) -> None:
    publish(alice, create=False, message="Without folders")
    (adapter / "notes.txt").write_text("other\n")
    publish(alice, create=False, message="Other notes")
    page = client.get("/alice/opposites/tree/main").content.decode()
    assert page.count("Other notes") == 1


def test_a_text_has_numbered_lines_and_never_runs(client: Any, filled: Revision) -> None:
    page = client.get("/alice/opposites/blob/main/notes.txt").content.decode()
    assert '<td class="line-text">&lt;script&gt;alert(1)&lt;/script&gt;</td>' in page
    assert SCRIPT not in page
    assert 'id="L2"' in page
    assert 'id="L3"' not in page


def test_what_is_too_long_or_no_text_is_not_shown(client: Any, filled: Revision) -> None:
    assert "Not shown here" in client.get("/alice/opposites/blob/main/long.txt").content.decode()
    image = client.get("/alice/opposites/blob/main/img/curve.png").content.decode()
    assert f'src="/alice/opposites/resolve/{filled.commit}/img/curve.png"' in image


def test_the_tensors_of_the_weights(client: Any, filled: Revision) -> None:
    page = client.get("/alice/opposites/blob/main/adapter_model.safetensors").content.decode()
    assert "lora_A.weight" in page
    assert "<dt>Tensors</dt>" in page
    assert client.get("/alice/opposites/blob/main/nothing.txt").status_code == 404


def test_a_damaged_file_says_so(client: Any, filled: Revision) -> None:
    blob = filled.files.get(path="notes.txt").blob
    Path(default_storage.path(blob.storage_name)).write_bytes(b"")
    page = client.get("/alice/opposites/blob/main/notes.txt")
    assert page.status_code == 200
    assert "upload it again" in page.content.decode()


def test_reading_the_pages_counts_no_download(client: Any, filled: Revision) -> None:
    client.get("/alice/opposites/blob/main/adapter_model.safetensors")
    assert Module.objects.get().downloads == 0


def test_the_inside_of_a_gated_module_is_for_those_let_in(
    client: Any, alice_client: Any, filled: Revision
) -> None:
    Module.objects.update(gate="manual")
    address = "/alice/opposites/blob/main/notes.txt"
    page = client.get(address).content.decode()
    assert "first" not in page
    assert "Ask for access" in page
    assert "notes.txt" in client.get("/alice/opposites/tree/main").content.decode()
    assert '<td class="line-text">first</td>' in alice_client.get(address).content.decode()


def test_a_draft_is_its_owners(alice: Any, alice_client: Any, charlie_client: Any) -> None:
    create_draft(user=alice, namespace=alice.namespace, name="draft")
    assert "No files yet" in alice_client.get("/alice/draft/tree/main").content.decode()
    for page in ("tree/main", "commits/main", "commit/main", "compare/main...main"):
        assert alice_client.get(f"/alice/draft/{page}").status_code == 200
        assert charlie_client.get(f"/alice/draft/{page}").status_code == 404


@pytest.mark.parametrize("who", ["client", "charlie_client"])
def test_strangers_get_404_for_a_private_module(request: Any, private_module: Module, who: str) -> None:
    visitor = request.getfixturevalue(who)
    pages = (
        "tree/main",
        "blob/main/README.md",
        "commits/main",
        "commit/main",
        "compare/main...main",
        "versions",
    )
    for page in pages:
        assert visitor.get(f"/alice/secret/{page}").status_code == 404
