"""Upload, find, pick, edit and delete a module in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from hub.registry.models import BaseModel, Module
from tests.composer.adapter_folder import LAYERS, write_adapter

CARD = "---\nlicense: mit\ntags:\n- words\nlanguage: en\n---\n# Opposites\n\nIt gives the **opposite** of a word.\n"


@pytest.fixture
def base_model(transactional_db: None) -> BaseModel:
    return BaseModel.objects.create(
        model_id="tests/tiny",
        architecture="causal",
        fingerprint="0" * 64,
        layers={layer: [8, 8] for layer in LAYERS},
        parameters=1000,
        context_length=512,
        folder="/nowhere",
        is_default=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As training leaves it: with an optimizer's state and a checkpoint below."""
    found = write_adapter(tmp_path / "my-adapter")
    (found / "README.md").write_text(CARD)
    (found / "optimizer.pt").write_bytes(b"not for the hub")
    write_adapter(found / "checkpoint-10")
    return found


def test_upload_a_folder_fix_what_is_wrong_and_publish(
    page: Any, sign_in: Any, look: Any, alice: Any, base_model: BaseModel, folder: Path
) -> None:
    sign_in(page, alice)
    page.goto("/upload/")
    look(page, "upload-empty")
    page.locator("#id_folder").set_input_files(folder)
    expect(page.get_by_text("left out: may be a pickle")).to_be_visible()
    expect(page.get_by_text("Found: LORA of rank 4")).to_be_visible()
    expect(page.get_by_label("Licence")).to_have_value("mit")
    expect(page.get_by_label("Base model")).to_have_value("tests/tiny")
    assert page.locator("[data-files] li").count() == 4

    page.get_by_label("Name", exact=True).fill("bad name")
    page.get_by_label("Summary").fill("Gives the opposite of a word")
    page.get_by_label("Languages").fill("klingon!")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Nothing was published.")).to_be_visible()
    expect(page.get_by_text("is not a language code")).to_be_visible()
    look(page, "upload-refused")
    assert Module.objects.count() == 0

    page.get_by_label("Name", exact=True).fill("opposites")
    page.get_by_label("Languages").fill("en")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url("**/alice/opposites")
    expect(page.get_by_role("heading", name="opposites", exact=False).first).to_be_visible()
    expect(page.locator(".prose strong")).to_have_text("opposite")
    look(page, "module")
    assert sorted(Module.objects.get().head.files.values_list("path", flat=True)) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    with page.expect_download() as download:
        page.get_by_role("link", name="adapter_model.safetensors").click()
    assert Path(download.value.path()).read_bytes() == (folder / "adapter_model.safetensors").read_bytes()


def test_search_as_you_type_and_pick_for_composing(
    page: Any, look: Any, alice: Any, base_model: BaseModel, folder: Path
) -> None:
    from hub.registry.services import ModuleMetadata, publish_revision

    files = {
        name: folder / name for name in ("README.md", "adapter_config.json", "adapter_model.safetensors")
    }
    for name, task in (("antonym", "opposites"), ("plural", "grammar"), ("currency", "knowledge")):
        publish_revision(
            user=alice,
            namespace=alice.namespace,
            name=name,
            files=files,
            metadata=ModuleMetadata(summary=f"About {task}", task=task),
        )
    page.goto("/modules/")
    look(page, "modules")
    page.locator("#browse-search").press_sequentially("antonim", delay=20)
    expect(page.get_by_role("heading", name="1 module for")).to_be_visible()
    expect(page).to_have_url(re.compile("search=antonim"))  # the last letter's answer may still be on its way
    page.get_by_role("button", name="Add to compose").click()
    page.locator("#browse-search").fill("")
    expect(page.get_by_role("heading", name="3 modules")).to_be_visible()
    page.get_by_role("button", name="Add to compose").first.click()
    expect(page.locator("[data-basket-count]")).to_have_text("2")
    link = page.locator("[data-basket-go]").get_attribute("href")
    assert link.count("module=alice") == 2
    look(page, "modules-picked")
    page.get_by_role("link", name="grammar").first.click()
    expect(page.get_by_role("heading", name="1 module", exact=True)).to_be_visible()
    page.goto("/modules/?search=zzzzz")
    look(page, "modules-none")
    page.goto("/")
    look(page, "home")
    page.goto("/alice")
    look(page, "profile")


def test_edit_and_delete(
    page: Any, sign_in: Any, look: Any, alice: Any, base_model: BaseModel, folder: Path
) -> None:
    from hub.registry.services import ModuleMetadata, publish_revision

    files = {name: folder / name for name in ("adapter_config.json", "adapter_model.safetensors")}
    publish_revision(
        user=alice,
        namespace=alice.namespace,
        name="opposites",
        files=files,
        metadata=ModuleMetadata(task="x"),
    )
    sign_in(page, alice)
    page.goto("/alice/opposites/edit")
    look(page, "module-edit")
    page.get_by_label("Summary").fill("New words")
    page.get_by_label("Private").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/alice/opposites")
    expect(page.get_by_text("New words")).to_be_visible()
    assert Module.objects.get().is_private
    page.goto("/alice/opposites/edit")
    page.get_by_label("to confirm").fill("alice/opposites")
    page.get_by_role("button", name="Delete this module").click()
    page.wait_for_url("**/alice")
    expect(page.get_by_text("is deleted")).to_be_visible()
    assert page.goto("/alice/opposites").status == 404


def test_upload_without_javascript(
    browser: Any, live_server: Any, alice: Any, base_model: BaseModel, folder: Path
) -> None:
    from tests.conftest import PASSWORD

    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/signin/?next=/upload/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.locator("#id_files").set_input_files(
        [folder / "adapter_config.json", folder / "adapter_model.safetensors"]
    )
    page.get_by_label("Name", exact=True).fill("plain")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url("**/alice/plain")
    context.close()
