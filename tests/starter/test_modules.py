"""The modules in starter/, as they are delivered."""

import io
import json

import pytest
from django.core.management import call_command

from composer.adapter_files import inspect_adapter
from hub.registry.models import BaseModel, Module
from tests.starter import STARTER

RECIPE = json.loads((STARTER / "tasks.json").read_text())
TASKS = {task["name"]: task for task in RECIPE["tasks"]}
FOLDERS = sorted(path.parent for path in STARTER.glob("*/adapter_config.json"))


def test_there_is_a_module_for_every_task():
    assert [folder.name for folder in FOLDERS] == sorted(TASKS)


def test_all_of_them_stay_small():
    size = sum(path.stat().st_size for folder in FOLDERS for path in folder.iterdir())
    assert size < 25 * 1024**2


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_module_is_whole(folder):
    about, card = json.loads((folder / "module.json").read_text()), (folder / "README.md").read_text()
    task, info = TASKS[folder.name], inspect_adapter(folder)
    assert info.composable, info.reason
    assert (info.rank, info.targets, info.dtype) == (RECIPE["rank"], RECIPE["targets"], "BF16")
    assert info.config.base_model == RECIPE["base_model"]
    assert about["name"] == folder.name
    assert about["task"] == task["tags"][0]
    assert about["license"] == RECIPE["license"]
    assert 0 < len(about["dataset"]) < 60
    assert about["prompt_template"].startswith(task["instruction"])
    assert f"license: {RECIPE['license']}" in card
    assert task["data_licence"] in card


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_module_is_better_than_the_base_model_on_its_own_task(folder):
    rows = json.loads((folder / "module.json").read_text())["evaluations"]
    value = {(row["name"].split(",")[0], row["metric"]): row["value"] for row in rows}
    assert all(row["n"] >= 10 for row in rows)
    assert value["this module", "loss"] < 0.7 * value["base model", "loss"]
    assert value["this module", "exact_match"] >= value["base model", "exact_match"]


@pytest.mark.django_db
def test_the_hub_loads_them_all():
    shapes = {layer: s for f in FOLDERS for layer, s in inspect_adapter(f).layers.items()}
    BaseModel.objects.create(
        model_id=RECIPE["base_model"],
        architecture="causal",
        fingerprint="0" * 64,
        layers={layer: [shape.d_out, shape.d_in] for layer, shape in shapes.items()},
        parameters=134_515_008,
        context_length=8192,
        folder="/nowhere",
        is_default=True,
    )
    out = io.StringIO()
    call_command("load_starter", stdout=out)
    assert f"{len(FOLDERS)} starter modules, {len(FOLDERS)} new" in out.getvalue()
    assert set(Module.objects.values_list("namespace__name", "name")) == {("starter", name) for name in TASKS}
