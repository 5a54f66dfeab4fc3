"""Vectors of modules: made by the worker's task or by the command, gone when a module changes."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from hub.registry import embedding_model, pulse, tasks
from hub.registry.models import Module, ModuleVector, Revision
from hub.registry.services import metadata_of, update_module
from hub.registry.services.sketches import fill_sketches
from hub.registry.services.vectors import about, fill_vectors, first_paragraph, without_vector


@pytest.fixture
def with_sentence_model(settings: Any, sentence_model: Path) -> None:
    settings.HUB_DATA = sentence_model.parent.parent


@pytest.mark.usefixtures("with_sentence_model")
def test_the_task_makes_what_is_missing_and_nothing_twice(module: Module, private_module: Module) -> None:
    tasks.fill_vectors()
    vectors = {row.module_id: np.array(row.about) for row in ModuleVector.objects.all()}
    assert vectors.keys() == {module.pk, private_module.pk}
    assert all(abs(np.linalg.norm(vector) - 1) < 1e-5 for vector in vectors.values())
    made = ModuleVector.objects.get(module=module).made_at
    tasks.fill_vectors()
    assert ModuleVector.objects.get(module=module).made_at == made


@pytest.mark.usefixtures("with_sentence_model")
def test_a_changed_module_needs_a_new_vector(module: Module, alice: Any, publish: Any) -> None:
    fill_vectors()
    before = ModuleVector.objects.get(module=module).about
    metadata = metadata_of(module)
    changed = metadata.__class__(summary="Counts the apples").or_else(metadata)
    update_module(user=alice, module=module, metadata=changed, private=False)
    assert list(without_vector()) == [module]
    assert fill_vectors() == 1
    assert not np.allclose(before, ModuleVector.objects.get(module=module).about)
    publish(alice, module.name, create=False)
    assert list(without_vector()) == [module]


@pytest.mark.usefixtures("with_sentence_model")
def test_the_command_fills_the_gaps(module: Module) -> None:
    out = StringIO()
    call_command("embed_modules", stdout=out)
    assert out.getvalue().endswith("1 modules have a vector, 1 new\n")
    call_command("embed_modules", stdout=out)
    assert out.getvalue().endswith("1 modules have a vector, 0 new\n")
    call_command("embed_modules", all=True, stdout=out)
    assert out.getvalue().endswith("1 modules have a vector, 1 new\n")


@pytest.mark.usefixtures("with_sentence_model")
def test_the_worker_asks_for_what_is_missing(module: Module) -> None:
    assert pulse.ask_for_vectors()
    fill_vectors()
    fill_sketches()
    assert not pulse.ask_for_vectors()


def test_a_hub_without_the_model_makes_none_and_asks_for_none(module: Module, settings: Any) -> None:
    assert not embedding_model.is_prepared(settings.HUB_DATA)
    assert fill_vectors() == 0
    fill_sketches()
    assert not pulse.ask_for_vectors()


def test_a_deleted_module_needs_none(module: Module, alice: Any) -> None:
    from hub.registry.services import delete_module

    delete_module(user=alice, module=module)
    assert not without_vector().exists()


def test_what_a_module_says(base_model: Any, alice: Any, publish: Callable[..., Revision]) -> None:
    module = publish(
        alice,
        "pick-the-animal",
        summary="Finds the animal.",
        task="word_choice",
        tags=("words",),
        prompt_template="Which is an animal?\n\nQ: {input}\nA: {output}",
    ).module
    expected = "pick the animal. Finds the animal. word choice. words. Which is an animal?. "
    assert about(module) == expected + "It gives the **opposite** of a word"


def test_the_first_paragraph_of_a_card() -> None:
    assert first_paragraph("# Title\n\n![](a.png)\n\n- a\n\n```\ncode\n```\n\nIt does.\nWell.\n\nMore") != ""
    assert first_paragraph("# Title\nIt does.\nWell.\n\nMore") == "It does. Well."
    assert first_paragraph("") == ""
