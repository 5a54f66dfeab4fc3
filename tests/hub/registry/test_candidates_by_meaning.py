"""Candidates by vectors of the real sentence model, fused with those by words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composer.examples import Example
from hub.registry import embedding_model
from hub.registry.models import BaseModel, Module, ModuleVector, Revision
from hub.registry.services import candidates_for, rank_modules
from hub.registry.services.candidates import fused, places
from hub.registry.services.vectors import fill_vectors

CREATURES = [
    Example("Which of these is a creature?\n\nQ: lamp, otter, brick\nA:", "otter"),
    Example("Which of these is a creature?\n\nQ: heron, spoon, train\nA:", "heron"),
]
ABOUT = {
    "animals": "Finds the animal in a list.",
    "lamps": "Says what a lamp costs.",  # shares a word, not the meaning
    "sums": "Adds two numbers.",
    "currency": "Names the money of a country.",
}


@pytest.fixture
def modules(
    base_model: BaseModel,
    alice: Any,
    publish_other: Callable[..., Revision],
    adapter: Path,
    settings: Any,
    sentence_model: Path,
) -> None:
    (adapter / "README.md").unlink()
    settings.HUB_DATA = sentence_model.parent.parent
    for name, summary in ABOUT.items():
        publish_other(alice, name, summary=summary)
    assert fill_vectors() == len(ABOUT)


def names(revisions: list[Revision]) -> list[str]:
    return [revision.module.name for revision in revisions]


@pytest.mark.usefixtures("modules")
def test_a_creature_is_an_animal_though_no_word_says_so(base_model: BaseModel, alice: Any) -> None:
    ranked = {c.revision.module.name: c for c in rank_modules(base_model, alice, CREATURES)}
    assert set(list(ranked)[:2]) == {"animals", "lamps"}
    likest = sorted(ranked, key=lambda name: -ranked[name].similarity)
    assert likest[0] == "animals"
    no_word = [Example(e.input.replace("lamp", "vase"), e.output) for e in CREATURES]
    Module.objects.filter(name="sums").update(downloads=100)
    assert names(candidates_for(base_model, alice, no_word))[0] == "animals"
    ModuleVector.objects.all().delete()
    assert names(candidates_for(base_model, alice, no_word))[0] == "sums"


@pytest.mark.usefixtures("modules")
def test_without_vectors_words_decide(base_model: BaseModel, alice: Any) -> None:
    ModuleVector.objects.all().delete()
    ranked = rank_modules(base_model, alice, CREATURES)
    assert ranked[0].revision.module.name == "lamps"
    assert len(ranked) == 4
    assert {candidate.similarity for candidate in ranked} == {None}


@pytest.mark.usefixtures("modules")
def test_without_the_model_words_decide(
    base_model: BaseModel, alice: Any, settings: Any, tmp_path: Path
) -> None:
    settings.HUB_DATA = tmp_path
    assert names(candidates_for(base_model, alice, CREATURES))[0] == "lamps"


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("damage", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_model_is_logged_once_and_words_decide(
    damage: str, base_model: BaseModel, alice: Any, settings: Any, tmp_path: Path, client: Any, caplog: Any
) -> None:
    folder = embedding_model.folder_in(tmp_path)
    folder.mkdir(parents=True)
    for path in embedding_model.folder_in(settings.HUB_DATA).iterdir():
        (folder / path.name).symlink_to(path)
    whole = (folder / damage).read_bytes()
    (folder / damage).unlink()
    (folder / damage).write_bytes(whole[: len(whole) // 2])
    settings.HUB_DATA = tmp_path
    for _ in range(2):
        assert names(candidates_for(base_model, alice, CREATURES))[0] == "lamps"
    assert sum("words alone" in record.message for record in caplog.records) == 1
    assert client.get("/readyz").json()["sentence_model"] == "unusable"
    assert fill_vectors() == 0
    (folder / damage).write_bytes(whole)  # mended while the hub runs
    assert client.get("/readyz").json()["sentence_model"] == "ok"


@pytest.mark.usefixtures("modules")
def test_private_deleted_foreign_and_unusable_modules_never_appear(
    base_model: BaseModel, alice: Any, bob: Any, publish_other: Callable[..., Revision]
) -> None:
    from django.contrib.auth.models import AnonymousUser

    from hub.registry.services import delete_module

    publish_other(alice, "secret-animals", summary="Finds the creature.", private=True)
    assert fill_vectors() == 1
    assert names(candidates_for(base_model, alice, CREATURES))[0] == "secret-animals"
    for other in (bob, AnonymousUser()):
        assert sorted(names(candidates_for(base_model, other, CREATURES))) == sorted(ABOUT)
    delete_module(user=alice, module=Module.objects.get(name="animals"))
    Module.objects.get(name="sums").revisions.update(composable=False)
    assert sorted(names(candidates_for(base_model, bob, CREATURES))) == ["currency", "lamps"]
    other_base = BaseModel.objects.create(
        model_id="o/b",
        architecture="causal",
        fingerprint="1",
        layers={},
        parameters=1,
        context_length=1,
        folder="/",
    )
    assert candidates_for(other_base, alice, CREATURES) == []


def test_reciprocal_rank_fusion() -> None:
    scores = fused([({1: 0, 2: 1, 3: 2}, 0.8), ({2: 0}, 0.2)])
    assert scores[1] == 0.8
    assert scores[2] == pytest.approx(0.8 * 11 / 12 + 0.2)
    assert scores[3] == pytest.approx(0.8 * 11 / 13)
    assert fused([({7: 0}, 0.2), ({}, 0.8)]) == {7: 1.0}
    assert places({1: 0.3, 2: 0.5, 3: 0.50001}) == {2: 0, 3: 0, 1: 1}


@pytest.mark.usefixtures("modules")
def test_many_modules_that_say_the_same_leave_room_for_others(base_model: BaseModel, alice: Any) -> None:
    head = Module.objects.get(name="animals").head
    vector = Module.objects.get(name="animals").vector.about
    for number in range(210):
        module = Module.objects.create(
            namespace=alice.namespace, name=f"animals{number}", base_model=base_model, head=head
        )
        ModuleVector.objects.create(module=module, about=vector)
    found = rank_modules(base_model, alice, CREATURES)
    assert len(found) == 200
    assert {"lamps", "sums", "currency"} <= {candidate.revision.module.name for candidate in found}
    assert any(candidate.revision.module.name.startswith("animals") for candidate in found[:2])
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
