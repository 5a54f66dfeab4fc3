"""publish_revision: the one door through which modules come in."""

import math
import threading

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from hub.registry.models import Blob, Evaluation, File, Module, Revision
from hub.registry.services import EvaluationData, ModuleMetadata, PublishError, materialize, publish_revision
from hub.registry.storage import FileCorrupt, check_blob
from tests.composer.adapter_folder import LAYERS, safetensors_bytes, tensors, write_adapter
from tests.hub.registry.conftest import BASE, files_of


def stored() -> tuple[int, int, int]:
    return Module.objects.count(), Revision.objects.count(), File.objects.count()


def test_a_module_says_what_its_files_say(base_model, alice, publish):
    revision = publish(alice, "opposites", summary="Gives opposites", task="antonym")
    module = Module.objects.get()

    assert module.full_name == "alice/opposites"
    assert module.head == revision
    assert module.base_model == base_model
    assert (module.summary, module.task) == ("Gives opposites", "antonym")
    assert (module.license, module.languages, module.tags) == ("mit", ["en", "de"], ["words"])  # of the card
    assert (revision.number, len(revision.commit)) == (1, 40)
    assert (revision.peft_type, revision.rank, revision.alpha, revision.dtype) == ("LORA", 4, 8.0, "F32")
    assert (revision.targets, revision.parameters) == (["q_proj", "v_proj"], 128)
    assert revision.composable
    assert revision.card.startswith("# Opposites")


def test_files_are_stored_under_their_sha256(base_model, alice, publish, adapter):
    revision = publish(alice)
    paths = {file.path: file.blob for file in revision.files.select_related("blob")}

    assert set(paths) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    for path, blob in paths.items():
        check_blob(blob)
        assert blob.size == (adapter / path).stat().st_size
    # git hash-object of the same bytes
    assert paths["README.md"].git_sha1 == git_hash((adapter / "README.md").read_bytes())


def git_hash(data: bytes) -> str:
    import hashlib

    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def test_equal_files_are_stored_once(base_model, alice, bob, publish):
    publish(alice)
    publish(bob)
    assert Blob.objects.count() == 3
    assert File.objects.count() == 6


def test_a_second_revision_keeps_the_first(base_model, alice, publish, adapter):
    first = publish(alice)
    (adapter / "README.md").write_text("# Better")
    second = publish(alice, create=False, message="Better card")

    assert second.number == 2
    assert second.commit != first.commit
    assert Module.objects.get().head == second
    assert Revision.objects.get(number=1).card.startswith("# Opposites")


def test_evaluations_and_parents(base_model, alice, publish):
    parent = publish(alice, "parent")
    row = EvaluationData("Held-out", "loss", 1.0, n=50, source="measured", details={"baseline": 2.0})
    child = publish(alice, "child", parents=[(parent, 0.7)], evaluations=[row])

    assert [(p.parent, p.weight) for p in child.parents.all()] == [(parent, 0.7)]
    evaluation = child.evaluations.get()
    assert (evaluation.source, evaluation.value, evaluation.details) == (
        Evaluation.Source.MEASURED,
        1.0,
        {"baseline": 2.0},
    )


def test_materialized_folder_has_the_same_bytes(base_model, alice, publish, adapter):
    folder = materialize(publish(alice))
    for path in adapter.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_a_damaged_copy_is_made_again_and_a_damaged_original_is_refused(base_model, alice, publish, adapter):
    revision = publish(alice)
    weights = materialize(revision) / "adapter_model.safetensors"
    weights.write_bytes(b"damaged")
    assert materialize(revision) == weights.parent
    assert weights.read_bytes() == (adapter / "adapter_model.safetensors").read_bytes()

    blob = Blob.objects.get(files__path="adapter_model.safetensors")
    with open(default_storage.path(blob.storage_name), "r+b") as file:
        file.write(b"XX")
    weights.unlink()
    with pytest.raises(FileCorrupt):
        materialize(revision)


def test_unregistered_base_model_is_kept_as_a_label(alice, publish):
    module = publish(alice).module
    assert module.base_model is None
    assert module.base_model_label == BASE


def test_the_author_may_name_the_base_model(base_model, alice, publish, tmp_path):
    folder = write_adapter(tmp_path / "x", base_model_name_or_path="/home/me/model")
    assert publish(alice, folder=folder).module.base_model_label == ""
    assert publish(alice, "two", folder=folder, base_model=BASE.upper()).module.base_model == base_model


def test_adapter_that_does_not_fit_its_base_model(base_model, alice, publish, tmp_path):
    folder = write_adapter(tmp_path / "x", weights=safetensors_bytes(tensors(width=16)))
    with pytest.raises(PublishError, match=LAYERS[0]) as error:
        publish(alice, folder=folder)
    assert error.value.code == "does_not_fit_base"
    assert stored() == (0, 0, 0)


def test_every_problem_is_named_at_once(base_model, alice, adapter):
    (adapter / "optimizer.pt").write_bytes(b"x")
    with pytest.raises(PublishError) as error:
        publish_revision(
            user=alice,
            namespace=alice.namespace,
            name="bad name",
            files=files_of(adapter),
            metadata=ModuleMetadata(summary="x" * 201, languages=("klingon!",), prompt_template="no field"),
        )
    assert set(error.value.fields) == {"name", "files", "summary", "languages", "prompt_template"}
    assert stored() == (0, 0, 0)


@pytest.mark.parametrize(
    "name", ["", "a b", "-x", "x-", "a..b", "a--b", "x.git", "a/b", "ä", "x" * 97, "a\0b"]
)
def test_bad_names(base_model, alice, publish, name):
    with pytest.raises(PublishError) as error:
        publish(alice, name)
    assert error.value.code == "bad_name"


def test_a_name_is_taken_in_any_case(module, alice, publish):
    with pytest.raises(PublishError) as error:
        publish(alice, "OPPOSITES")
    assert (error.value.code, error.value.status) == ("name_taken", 409)


def test_nobody_publishes_in_another_name(base_model, alice, bob, adapter):
    with pytest.raises(PublishError) as error:
        publish_revision(
            user=bob, namespace=alice.namespace, name="x", files=files_of(adapter), metadata=ModuleMetadata()
        )
    assert (error.value.code, error.value.status) == ("forbidden", 403)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_evaluations_must_be_finite(base_model, alice, publish, value):
    with pytest.raises(PublishError):
        publish(alice, evaluations=[EvaluationData("x", "loss", value)])
    assert stored() == (0, 0, 0)


def test_card_that_is_not_text(base_model, alice, publish, adapter):
    for data in (b"\xff\xfe", b"a\0b"):
        (adapter / "README.md").write_bytes(data)
        with pytest.raises(PublishError) as error:
            publish(alice)
        assert error.value.code == "bad_text"


def test_front_matter_that_is_not_yaml_is_left_out(base_model, alice, publish, adapter):
    for matter in (
        "a: [",
        "- x",
        "tags: {a: 1}",
        "license: [1, 2]",
        "x: &a [*a]",
        "language: no",
        "license: " + "x" * 500,
    ):
        (adapter / "README.md").write_text(f"---\n{matter}\n---\n# Card\n")
        revision = publish(alice, f"m{abs(hash(matter))}")
        assert revision.card == "# Card\n"


def test_the_tags_that_peft_writes_about_the_base_model_are_left_out(base_model, alice, publish, adapter):
    tags = "tags:\n- base_model:adapter:HuggingFaceTB/SmolLM2-135M-Instruct\n- base_model:x\n- lora"
    (adapter / "README.md").write_text(f"---\n{tags}\n---\n# Card\n")
    assert publish(alice).module.tags == ["lora"]


def test_staging_is_emptied(base_model, alice, publish, settings, adapter):
    publish(alice)
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(PublishError):
        publish(alice, "other")
    assert list((settings.MEDIA_ROOT / "staging").iterdir()) == []


def test_a_damaged_stored_file_is_replaced_by_a_good_one(base_model, alice, publish):
    publish(alice)
    blob = Blob.objects.get(files__path="README.md")
    with open(default_storage.path(blob.storage_name), "r+b") as file:
        file.write(b"XX")
    publish(alice, "again")
    check_blob(blob)


@pytest.mark.django_db(transaction=True)
def test_parallel_creation_of_one_name_gives_it_to_one(alice, adapter):
    outcomes = []

    def create() -> None:
        try:
            publish_revision(
                user=alice,
                namespace=alice.namespace,
                name="same",
                files=files_of(adapter),
                metadata=ModuleMetadata(),
            )
            outcomes.append("made")
        except PublishError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["name_taken"] * 5
    assert Module.objects.count() == 1
