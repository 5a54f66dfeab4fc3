"""Files and versions as a visitor and as the owner see them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.registry.models import Revision
from hub.registry.services import ModuleMetadata, create_ref, publish_revision
from tests.composer.adapter_folder import safetensors_bytes, tensors, write_adapter
from tests.hub.registry.conftest import CARD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def newest(alice: Any, tmp_path: Path) -> Revision:
    """Three versions of alice/opposites, and a tag."""

    def publish(folder: Path, message: str, **options: Any) -> Revision:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return publish_revision(
            user=alice,
            namespace=alice.namespace,
            name="opposites",
            files=files,
            metadata=ModuleMetadata(),
            message=message,
            **options,
        )

    first = write_adapter(tmp_path / "one")
    (first / "README.md").write_text(CARD)
    made = publish(first, "First version")
    create_ref(user=alice, module=made.module, kind="tag", name="v1.0")
    second = Path(shutil.copytree(first, tmp_path / "two"))
    write_adapter(second, weights=safetensors_bytes(tensors(rank=2)), r=2, lora_alpha=4)
    publish(second, "Half the rank, as good on the test rows", create=False)
    third = Path(shutil.copytree(second, tmp_path / "three"))
    (third / "README.md").write_text(
        CARD.replace("It gives the **opposite**", "Gives the **opposite**") + "\n## Data\n\nOwn word lists.\n"
    )
    (third / "eval").mkdir()
    (third / "eval" / "results.json").write_text('{"exact_match": 0.93, "rows": 100}\n')
    return publish(third, "Say what it was trained on; add the results", create=False)


def test_a_visitor_reads_files_and_versions(page: Any, newest: Revision, look: Callable[..., None]) -> None:
    page.goto("/alice/opposites")
    page.get_by_role("link", name="Files", exact=True).click()
    look(page, "files")
    page.get_by_role("link", name="adapter_model.safetensors", exact=True).click()
    page.get_by_text("lora_A.weight").first.wait_for()
    look(page, "file-tensors")
    page.go_back()
    page.get_by_role("link", name="README.md", exact=True).click()
    look(page, "file-text")
    page.get_by_role("link", name="Versions", exact=True).click()
    page.get_by_text("Half the rank").wait_for()
    look(page, "versions")
    page.get_by_role("link", name="Say what it was trained on").click()
    page.get_by_text("Own word lists.").wait_for()
    look(page, "version-diff")
    page.go_back()
    page.get_by_label("From").fill("v1.0")
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("4 files changed").wait_for()
    look(page, "versions-compared")


def test_its_owner_makes_a_tag_and_brings_a_version_back(
    page: Any, newest: Revision, alice: Any, sign_in: Callable[..., None], look: Callable[..., None]
) -> None:
    sign_in(page, alice)
    page.goto("/alice/opposites/commits/main")
    page.get_by_text("New branch or tag").click()
    page.get_by_label("Name").fill("good one")
    page.get_by_role("button", name="Make it").click()
    page.get_by_text("Nothing was made.").wait_for()
    page.get_by_text("New branch or tag").click()
    page.get_by_label("Name").fill("v2.0")
    look(page, "versions-owner")
    page.get_by_role("button", name="Make it").click()
    page.get_by_text("The tag v2.0 is there.").wait_for()
    page.get_by_role("link", name="First version").click()
    page.get_by_role("button", name="Bring this version back").click()
    page.get_by_text("Version 4 has the files of version 1.").wait_for()
