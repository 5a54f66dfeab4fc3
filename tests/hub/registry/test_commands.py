"""register_base_model, load_starter and import_modules, as an administrator types them."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from hub.registry.models import BaseModel, Module, Revision
from tests import tiny
from tests.composer.adapter_folder import write_adapter

pytestmark = pytest.mark.django_db


def run(*arguments, **options) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.fixture
def starter(tmp_path):
    root = tmp_path / "starter"
    for name in ("one", "two"):
        folder = write_adapter(root / name)
        (folder / "README.md").write_text(f"# {name}")
        (folder / "optimizer.pt").write_bytes(b"left out")
        rows = [
            {
                "name": "base model, validation rows",
                "metric": "loss",
                "value": 5.5,
                "n": 50,
                "source": "measured",
            },
            {
                "name": "this module, validation rows",
                "metric": "loss",
                "value": 0.4,
                "n": 50,
                "source": "measured",
            },
            {"name": "this module, validation rows", "metric": "exact_match", "value": "NaN", "n": 50},
        ]
        about = {
            "name": f"start-{name}",
            "summary": f"Does {name}",
            "task": "counting",
            "tags": ["a"],
            "evaluations": rows,
        }
        (folder / "module.json").write_text(json.dumps(about))
    return root


def test_starter_modules_are_loaded_once(base_model, starter):
    assert "2 starter modules, 2 new" in run("load_starter", starter)
    assert "2 starter modules, 0 new" in run("load_starter", starter)
    module = Module.objects.get(name="start-one")
    assert module.full_name == "starter/start-one"
    assert (module.summary, module.task, module.tags, module.base_model) == (
        "Does one",
        "counting",
        ["a"],
        base_model,
    )
    assert sorted(file.path for file in module.head.files.all()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    evaluation = module.head.evaluations.get()
    assert (evaluation.name, evaluation.value, evaluation.details) == (
        "Validation rows",
        0.4,
        {"baseline": 5.5},
    )
    assert evaluation.source == "measured"


def test_a_changed_starter_module_becomes_a_revision(base_model, starter):
    run("load_starter", starter)
    (starter / "one" / "README.md").write_text("# better")
    assert "2 starter modules, 1 new" in run("load_starter", starter)
    assert Revision.objects.filter(module__name="start-one").count() == 2


def test_words_that_change_in_module_json_are_brought_up_to_date(base_model, starter):
    run("load_starter", starter)
    about = starter / "one" / "module.json"
    about.write_text(about.read_text().replace("counting", "arithmetic"))
    assert "0 new" in run("load_starter", starter)
    assert Module.objects.get(name="start-one").task == "arithmetic"
    assert Revision.objects.count() == 2


def test_a_broken_starter_module_is_named_and_the_others_are_loaded(base_model, starter):
    (starter / "one" / "adapter_config.json").write_text("{")
    with pytest.raises(CommandError, match=r"one: adapter_config\.json is not valid JSON"):
        run("load_starter", starter)
    assert Module.objects.filter(name="start-two").exists()


def test_a_starter_module_whose_training_has_not_ended_is_left_out(base_model, starter):
    (starter / "two" / "module.json").unlink()
    assert "1 starter modules, 1 new" in run("load_starter", starter)
    assert list(Module.objects.values_list("name", flat=True)) == ["start-one"]


def test_no_starter_modules(db, tmp_path):
    assert "0 starter modules" in run("load_starter", tmp_path)


def test_import_claims_nothing_as_measured(base_model, bob, starter):
    assert "bob/start-one published" in run("import_modules", starter, owner="bob")
    assert "bob/start-one is there already" in run("import_modules", starter / "one", owner="bob")
    assert {row.source for row in Revision.objects.first().evaluations.all()} == {"claimed"}


@pytest.mark.parametrize(("owner", "message"), [("nobody", "no user nobody"), ("bob", "has no adapter")])
def test_import_of_nothing(bob, tmp_path, owner, message):
    with pytest.raises(CommandError, match=message):
        run("import_modules", tmp_path, owner=owner)


def test_register_a_local_folder(tmp_path, alice, publish):
    base = tiny.save_llama(tmp_path / "base")
    module_folder = tiny.save_lora(base, tmp_path / "lora", model_id="me/tiny")
    module = publish(alice, folder=module_folder).module
    assert module.base_model is None

    assert "me/tiny: causal" in run("register_base_model", base, id="me/tiny", default=True)
    row = BaseModel.objects.get()
    assert (row.model_id, row.architecture, row.is_default, row.folder) == (
        "me/tiny",
        "causal",
        True,
        str(base),
    )
    assert row.layers["model.layers.0.self_attn.q_proj"] == [32, 32]
    module.refresh_from_db()
    assert module.base_model == row  # it was waiting for this base model
    run("register_base_model", base, id="me/tiny")
    assert BaseModel.objects.count() == 1


def test_a_new_default_replaces_the_former(base_model, tmp_path):
    run("register_base_model", tiny.save_t5(tmp_path / "t5"), id="me/t5", default=True)
    assert BaseModel.objects.get(is_default=True).model_id == "me/t5"
    assert BaseModel.objects.get(model_id="me/t5").architecture == "seq2seq"


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(CommandError):
        run("register_base_model", tmp_path, id="x/y")
    with pytest.raises(CommandError, match=r"Give a folder|--default"):
        run("register_base_model")


def test_an_id_that_cannot_be_downloaded(settings, tmp_path):
    settings.HUB_DATA = tmp_path
    with pytest.raises(CommandError, match="could not be downloaded"):
        run("register_base_model", "nobody/nothing")  # the tests are offline
