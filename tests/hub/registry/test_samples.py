"""Sample rows of a module: given by form, API and module.json, and what candidates are found by."""

import json
from pathlib import Path
from typing import Any

import pytest

from composer.examples import Example
from hub.registry.folders import load_folder
from hub.registry.models import BaseModel, Module, SampleVector
from hub.registry.services import ModuleMetadata, PublishError, candidates_for, metadata_of, update_module
from hub.registry.services.vectors import fill_vectors
from tests.composer.adapter_folder import write_adapter
from tests.hub.registry.conftest import upload_form

ROWS = (Example("Japan", "yen"), Example("Chile\nin 1990", "peso"))
STORED = [{"input": "Japan", "output": "yen"}, {"input": "Chile\nin 1990", "output": "peso"}]


def test_upload_edit_and_page(alice_client: Any, client: Any, base_model: Any, adapter: Path) -> None:
    text = "Japan => yen\nChile\\nin 1990 => peso"
    assert alice_client.post("/upload/", upload_form(adapter, samples=text)).status_code == 302
    module = Module.objects.get()
    assert module.samples == STORED
    page = client.get("/alice/opposites").content.decode()
    assert "Sample rows" in page
    assert "yen" in page
    shown = alice_client.get("/alice/opposites/edit").context["form"].initial["samples"]
    form = {"summary": "Money", "base_model": "tests/tiny", "samples": shown}
    assert alice_client.post("/alice/opposites/edit", form).status_code == 302
    module.refresh_from_db()
    assert module.samples == STORED
    alice_client.post("/alice/opposites/edit", {**form, "samples": ""})
    module.refresh_from_db()
    assert module.samples == []
    wrong = alice_client.post("/alice/opposites/edit", {**form, "samples": "no arrow"})
    assert wrong.status_code == 400
    assert "samples" in wrong.context["form"].errors


def test_the_api_takes_and_gives_them(alice_api: Any, module: Module) -> None:
    address = "/api/v1/modules/alice/opposites/"
    answer = alice_api.patch(address, {"samples": STORED}, format="json")
    assert answer.status_code == 200, answer.json()
    assert alice_api.get(address).json()["samples"] == STORED
    for wrong in ([{"input": "a"}], "no arrow", [{"input": "a", "output": "b"}] * 6, [1]):
        assert alice_api.patch(address, {"samples": wrong}, format="json").status_code == 400, wrong
    assert alice_api.patch(address, {"summary": "x"}, format="json").status_code == 200
    module.refresh_from_db()
    assert module.samples == STORED


def test_a_form_upload_gives_them_as_json(alice_api: Any, base_model: Any, adapter: Path) -> None:
    body = upload_form(adapter, samples=json.dumps(STORED))
    answer = alice_api.post("/api/v1/modules/", body, format="multipart")
    assert answer.status_code == 201, answer.json()
    assert Module.objects.get().samples == STORED


def test_a_folder_says_them_in_module_json(alice: Any, base_model: Any, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "money")
    (folder / "module.json").write_text(json.dumps({"samples": [*STORED, {"input": 1}, "x"]}))
    revision, _ = load_folder(folder, user=alice)
    assert revision.module.samples == STORED


@pytest.mark.parametrize(
    "rows", [ROWS * 3, (Example("x" * 2001, "y"),), (Example("a\0", "b"),), (Example("a", ""),)]
)
def test_too_many_too_long_or_unusable(alice: Any, module: Module, rows: tuple[Example, ...]) -> None:
    metadata = ModuleMetadata(samples=rows).or_else(metadata_of(module))
    with pytest.raises(PublishError) as error:
        update_module(user=alice, module=module, metadata=metadata, private=False)
    assert set(error.value.fields) == {"samples"}


def test_candidates_are_found_by_them(
    base_model: BaseModel, alice: Any, publish_other: Any, adapter: Path, settings: Any, sentence_model: Path
) -> None:
    (adapter / "README.md").unlink()
    settings.HUB_DATA = sentence_model.parent.parent
    for name in ("one", "two", "three", "four"):
        publish_other(alice, name, summary="A module.", samples=ROWS if name == "three" else ())
    fill_vectors()
    assert SampleVector.objects.count() == 2
    found = candidates_for(base_model, alice, [Example("Brazil", "real"), Example("Sweden", "krona")])
    assert found[0].module.name == "three"
    module = Module.objects.get(name="three")
    update_module(user=alice, module=module, metadata=ModuleMetadata(summary="A module."), private=False)
    assert not SampleVector.objects.exists()
