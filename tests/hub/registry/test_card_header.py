"""The YAML header of a card: read, checked, written back; what it claims is shown as claimed."""

from dataclasses import replace

import pytest
import yaml

from hub.registry.models import Revision
from hub.registry.services import ModuleMetadata
from hub.registry.services.card_header import (
    claimed_evaluations,
    header_of,
    header_problems,
    write_card,
)
from hub.registry.services.metadata import read_card

# As PEFT 0.21.2 and transformers write it, shortened.
PEFT_CARD = """---
base_model: tests/tiny
library_name: peft
license: mit
language: no
tags:
- base_model:adapter:tests/tiny
- lora
datasets:
- a/b
- c
pipeline_tag: text-generation
extra_gated_prompt: keep me
model-index:
- name: opposites
  results:
  - task: {type: text-generation, name: Text Generation}
    dataset: {name: Antonyms, type: a/b, split: test}
    metrics:
    - {type: exact_match, value: 0.81, name: Exact match}
    - {type: loss, value: .nan}
    - {type: f1, value: high}
---

# Opposites

Text.
"""


def test_what_is_written_is_read_again():
    metadata = ModuleMetadata(
        summary="Opposites: of „words“",
        task="antonym",
        tags=("a", "b c"),
        languages=("no", "de"),
        license="apache-2.0",
        dataset="x/y, z",
        base_model="tests/tiny",
    )
    for before in ("", "# Only text\n", PEFT_CARD, "---\n- no\n- mapping\n---\nText"):
        assert read_card(write_card(before, metadata))[1] == metadata


def test_keys_that_the_hub_does_not_know_stay():
    after = header_of(write_card(PEFT_CARD, ModuleMetadata(license="mit", base_model="tests/tiny")))
    before = header_of(PEFT_CARD)
    for key in ("extra_gated_prompt", "model-index", "library_name", "pipeline_tag"):
        assert after[key] == before[key]
    assert after["tags"] == ["base_model:adapter:tests/tiny"]
    assert "datasets" not in after


def test_nothing_to_say_changes_no_byte():
    said = read_card(PEFT_CARD)[1]
    assert write_card(PEFT_CARD, said) == PEFT_CARD
    assert write_card(PEFT_CARD, said, "# Opposites\n\nText.") == PEFT_CARD
    assert write_card(PEFT_CARD, said, "Other text") != PEFT_CARD


def test_a_pipeline_tag_is_one_that_the_field_knows():
    said = read_card(PEFT_CARD)[1]
    assert (
        header_of(write_card(PEFT_CARD, replace(said, task="summarization")))["pipeline_tag"]
        == "summarization"
    )
    own = header_of(write_card(PEFT_CARD, replace(said, task="antonym")))
    assert (own["pipeline_tag"], own["task"]) == ("text-generation", "antonym")


def test_claimed_results():
    [row] = claimed_evaluations(PEFT_CARD)
    assert (row.name, row.metric, row.value, row.source) == ("Antonyms", "exact_match", 0.81, "claimed")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("license: [mit", "not YAML"),
        ("- a", "keys with values"),
        ("license: 3", "“license” must be text"),
        ("tags: {a: b}", "“tags” must be text or a list"),
        ("language: [en, 3]", "“language” must be text"),
        ("model-index: [{name: x}]", "“model-index” has no result"),
        ("a: &a [*a]", ""),
    ],
)
def test_what_is_wrong_with_a_header(header, sentence):
    assert sentence in " ".join(header_problems(f"---\n{header}\n---\nText"))


@pytest.mark.parametrize("card", ["", "# No header", "---\nlicense: mit\nlanguage: no\n---\n"])
def test_nothing_is_wrong(card):
    assert header_problems(card) == []


def test_an_edit_is_written_into_the_card_as_a_new_revision(alice_client, client, module, alice):
    form = {
        "summary": "New words",
        "license": "cc0-1.0",
        "base_model": "tests/tiny",
        "card": "# New\r\n\r\nText",
    }
    alice_client.post("/alice/opposites/edit", form)
    module.refresh_from_db()
    assert (module.head.number, module.head.message, module.head.card) == (
        2,
        "Edit the card",
        "# New\n\nText\n",
    )
    readme = b"".join(client.get("/alice/opposites/resolve/main/README.md").streaming_content).decode()
    header = yaml.safe_load(readme.split("---")[1])
    assert (header["summary"], header["license"]) == ("New words", "cc0-1.0")
    assert (module.summary, module.license, module.languages) == ("New words", "cc0-1.0", [])
    weights = {r.files.get(path="adapter_model.safetensors").blob_id for r in module.revisions.all()}
    assert len(weights) == 1
    alice_client.post("/alice/opposites/edit", form)
    assert module.revisions.count() == 2


def test_an_edit_without_a_card_makes_no_revision(alice_client, alice, base_model, publish, adapter):
    (adapter / "README.md").unlink()
    publish(alice)
    alice_client.post("/alice/opposites/edit", {"summary": "New", "base_model": "tests/tiny", "card": ""})
    assert Revision.objects.count() == 1
    alice_client.post(
        "/alice/opposites/edit", {"summary": "New", "base_model": "tests/tiny", "card": "# Now"}
    )
    assert Revision.objects.count() == 2


def test_a_composition_keeps_its_lineage_and_its_measurements(alice_api, alice, module, publish):
    from hub.registry.services import EvaluationData

    measured = EvaluationData("Held-out rows", "loss", 1.5, source="measured")
    publish(alice, "child", parents=[(module.head, 0.7)], evaluations=[measured])
    body = alice_api.patch("/api/v1/modules/alice/child/", {"summary": "Changed"}).json()
    assert len(body["revisions"]) == 2
    assert [(p["module"], p["weight"]) for p in body["parents"]] == [("alice/opposites", 0.7)]
    assert [(e["value"], e["source"]) for e in body["evaluations"]] == [(1.5, "measured")]


def test_claims_are_shown_as_claimed(client, alice, base_model, publish, adapter):
    (adapter / "README.md").write_text(PEFT_CARD)
    publish(alice)
    page = client.get("/alice/opposites").content.decode()
    assert "Antonyms" in page
    assert '<span class="badge">claimed</span>' in page
    assert "measured here" not in page


def test_checking_a_card_over_the_api(alice_api, api):
    answer = alice_api.post("/api/v1/cards/check/", {"card": PEFT_CARD})
    assert answer.json()["problems"] == []
    assert answer.json()["languages"] == ["no"]
    assert answer.json()["evaluations"] == [{"name": "Antonyms", "metric": "exact_match", "value": 0.81}]
    assert alice_api.post("/api/v1/cards/check/", {"card": "---\na: [\n---\n"}).json()["problems"]
    assert api.post("/api/v1/cards/check/", {"card": ""}).status_code == 401


def test_looking_a_file_up_by_its_sha256(client, api, alice_api, module, private_module):
    blob = module.head.files.get(path="adapter_model.safetensors").blob
    address = f"/api/v1/blobs/{blob.sha256}/"
    found = api.get(address).json()
    assert found["size"] == blob.size
    assert [use["module"] for use in found["uses"]] == ["alice/opposites"]
    assert {use["module"] for use in alice_api.get(address).json()["uses"]} == {
        "alice/opposites",
        "alice/secret",
    }
    for unknown in ("0" * 64, "x", blob.sha256[:-1]):
        assert api.get(f"/api/v1/blobs/{unknown}/").json()["code"] == "unknown_blob"
    module.is_private = True
    module.save()
    assert api.get(address).status_code == 404


def test_parameters_are_counted_by_their_precision(api, module):
    counted = api.get("/api/v1/modules/alice/opposites/").json()["safetensors"]
    total = module.head.parameters
    assert counted == {"parameters": {"F32": total}, "total": total}
    assert total > 0
