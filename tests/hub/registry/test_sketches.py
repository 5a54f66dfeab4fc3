"""Sketches of revisions: made by the worker's task, read by the candidates and by the module's page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from composer.examples import Example
from hub.registry import pulse, tasks
from hub.registry.models import BaseModel, Module, Revision, Sketch
from hub.registry.services import candidates_for
from hub.registry.services.sketches import fill_sketches, neighbours_of, sketches_of, without_sketch
from tests.composer.adapter_folder import LAYERS, safetensors_bytes, write_adapter

EXAMPLES = [Example("Say the currency of Japan", "yen")]
RANK, WIDTH = 4, 8


def weights(seed: int, *, rotation: int = 0, size: float = 1.0, towards: int | None = None) -> bytes:
    """An adapter file. rotation: its factors as B Q and Q^T A; towards: with some of another seed's update mixed in."""
    random = np.random.default_rng(seed)
    turn = np.random.default_rng(rotation)
    found = {}
    for layer in LAYERS:
        a, b = random.standard_normal((RANK, WIDTH)), random.standard_normal((WIDTH, RANK)) * size
        if towards is not None:
            b = b + 0.5 * np.random.default_rng(towards).standard_normal((WIDTH, RANK))
        q = np.linalg.qr(turn.standard_normal((RANK, RANK)))[0] if rotation else np.eye(RANK)
        found[f"base_model.model.{layer}.lora_A.weight"] = (q.T @ a).astype("<f4")
        found[f"base_model.model.{layer}.lora_B.weight"] = (b @ q).astype("<f4")
    return safetensors_bytes(found)


@pytest.fixture
def publish_weights(publish: Any, tmp_path: Path) -> Callable[..., Revision]:
    """publish_weights(user, "name", seed, rotation=…): a revision with these weights."""

    def make(user: Any, name: str, seed: int, *, private: bool = False, **changes: Any) -> Revision:
        folder = write_adapter(tmp_path / name, weights=weights(seed, **changes))
        return publish(user, name, folder=folder, private=private)

    return make


def test_a_copy_with_other_factors_is_no_second_candidate(
    base_model: BaseModel, alice: Any, bob: Any, publish_weights: Callable[..., Revision]
) -> None:
    publish_weights(alice, "currency", 1)
    publish_weights(bob, "currency-again", 1, rotation=5)
    publish_weights(bob, "currency-half", 1, size=0.5)  # the same direction, but another function
    publish_weights(bob, "other", 2)
    everything = {r.module.name for r in candidates_for(base_model, alice, EXAMPLES)}
    assert len(everything) == 4
    tasks.fill_vectors()
    fill_sketches()  # what the task left: it may have spent its seconds on loading torch
    assert Sketch.objects.count() == 4
    found = [r.module.name for r in candidates_for(base_model, alice, EXAMPLES)]
    assert len(found) == 3
    assert {"currency-half", "other"} < set(found)


def test_a_worker_is_asked_for_what_is_missing_and_a_new_revision_is_sketched_anew(
    base_model: BaseModel, alice: Any, publish_weights: Callable[..., Revision], publish: Any, tmp_path: Path
) -> None:
    first = publish_weights(alice, "currency", 1)
    assert pulse.ask_for_vectors()
    assert fill_sketches() == 1
    assert not pulse.ask_for_vectors()
    second = publish(
        alice, "currency", folder=write_adapter(tmp_path / "b", weights=weights(3)), create=False
    )
    assert list(without_sketch()) == [second]
    assert fill_sketches() == 1
    sketches = sketches_of([first.pk, second.pk])
    assert not np.allclose(sketches[first.pk], sketches[second.pk])


def test_an_adapter_that_adds_nothing_or_is_damaged_has_no_sketch_and_is_not_tried_again(
    base_model: BaseModel, alice: Any, publish_weights: Callable[..., Revision], settings: Any
) -> None:
    nothing = publish_weights(alice, "nothing", 1, size=0.0)
    damaged = publish_weights(alice, "damaged", 2)
    blob = damaged.files.get(path="adapter_model.safetensors").blob
    stored = Path(settings.MEDIA_ROOT) / blob.storage_name
    stored.chmod(0o644)
    stored.write_bytes(b"\0" * blob.size)
    assert fill_sketches() == 2
    assert Sketch.objects.filter(direction=None).count() == 2
    assert not without_sketch().exists()
    assert sketches_of([nothing.pk, damaged.pk]) == {}
    assert len(candidates_for(base_model, alice, EXAMPLES)) == 2


def test_the_page_names_neighbours_that_the_reader_may_see(
    base_model: BaseModel, alice: Any, bob: Any, client: Any, publish_weights: Callable[..., Revision]
) -> None:
    revision = publish_weights(alice, "currency", 1)
    publish_weights(bob, "copy", 1, rotation=5)
    publish_weights(bob, "near", 1, towards=2)
    publish_weights(bob, "hidden", 1, rotation=6, private=True)
    publish_weights(bob, "stranger", 9)
    assert "Near it in weight space" not in client.get("/alice/currency").content.decode()
    fill_sketches()
    near = neighbours_of(revision, alice)
    assert [(n.module.name, n.is_same) for n in near][:2] == [("copy", True), ("near", False)]
    assert 0.3 <= near[1].cosine < 1
    assert [n.module.name for n in neighbours_of(revision, bob)][:2] in (
        ["copy", "hidden"],
        ["hidden", "copy"],
    )
    page = client.get("/alice/currency").content.decode()
    assert "Near it in weight space" in page
    assert "bob/copy" in page
    assert "bob/hidden" not in page
    Module.objects.filter(name="copy").update(is_private=True)
    assert "bob/copy" not in client.get("/alice/currency").content.decode()
