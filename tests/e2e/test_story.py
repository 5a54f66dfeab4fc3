"""The main path in a real browser, with a real worker: upload, compose, watch, publish, download, load with PEFT."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import expect

from tests import tiny
from tests.faults.test_killed_worker import start_worker  # noqa: F401  (a fixture)
from tests.hub.jobs.conftest import base_model, modules, tiny_base, tiny_modules  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db(transaction=True)
MINUTES = 60_000  # milliseconds; a busy machine is slow


def test_from_an_upload_to_a_published_composition(
    page: Any,
    sign_in: Any,
    look: Any,
    alice: Any,
    modules: list[str],  # noqa: F811
    tiny_base: Path,  # noqa: F811
    start_worker: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    sign_in(page, alice)
    page.goto("/upload/")
    page.locator("#id_folder").set_input_files(tiny.save_lora(tiny_base, tmp_path / "mine", seed=9))
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url("**/alice/mine")

    page.get_by_role("link", name="Compose with this").click()
    page.get_by_label("Examples", exact=True).fill("one\ntwo => 2")
    page.get_by_role("button", name="Compose", exact=True).click()
    expect(page.get_by_text("line 1 has no").first).to_be_visible()
    expect(page.get_by_label("Examples", exact=True)).to_have_value("one\ntwo => 2")
    look(page, "compose-refused")

    page.get_by_label("Examples", exact=True).fill("one => 1\ntwo => 2\nthree => 3")
    page.locator("summary", has_text="Held-out rows").click()
    page.get_by_label("Held-out rows", exact=True).fill("four => 4\nfive => 5\nsix => 6")
    page.get_by_label("Choose for me").check()
    page.get_by_label("Name", exact=False).last.fill("digits")
    page.get_by_role("button", name="Compose", exact=True).click()
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("#job-status")).to_have_text("Queued")
    look(page, "job-queued")

    start_worker()
    expect(page.get_by_role("link", name="Open alice/digits")).to_be_visible(timeout=4 * MINUTES)
    expect(page.locator("#job-status")).to_have_text("Finished")
    look(page, "job-finished")
    for arm in ("Base model", "Uniform mean", "Composition"):
        expect(page.get_by_role("row").filter(has_text=arm).first).to_be_visible()

    page.get_by_role("link", name="Open alice/digits").click()
    page.wait_for_url("**/alice/digits")
    expect(page.get_by_role("heading", name="Made from")).to_be_visible()
    look(page, "composition")
    folder = tmp_path / "downloaded"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "recipe.json"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        shutil.copy(download.value.path(), folder / name)
    assert _changes_the_model(tiny_base, folder)


def _changes_the_model(base: Path, adapter: Path) -> bool:
    """Does plain PEFT load the adapter, and does it do anything?"""
    from peft import PeftModel

    model, ids = tiny.load_model(base), torch.arange(3, 11)[None]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = model(ids).logits.clone()
        after = PeftModel.from_pretrained(model, adapter).eval()(ids).logits
    return not torch.allclose(before, after, atol=1e-4)
