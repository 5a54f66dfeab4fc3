"""Jobs on modules that need more than their own files, on many, and on damaged ones that nobody picked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.jobs import runner
from hub.jobs.models import Job
from hub.registry.models import Module
from tests import tiny
from tests.hub.jobs.conftest import publish


def run(job: Job) -> Job:
    runner.run_job(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.django_db(transaction=True)
def test_a_dora_module_is_composed_on_its_registered_base_model(
    submit: Callable[..., Job], modules: list[str], bob: Any, tiny_base: Path, tmp_path: Path
) -> None:
    revision = publish(bob, "dora", tiny.save_lora(tiny_base, tmp_path / "m", use_dora=True))
    assert revision.composable
    assert revision.not_composable_reason == ""
    job = run(submit(modules=["bob/dora", modules[0]]))
    assert (job.status, job.error) == ("succeeded", "")
    assert job.modules.get(revision=revision).probe_loss is not None


@pytest.mark.django_db(transaction=True)
def test_a_damaged_module_that_nobody_picked_is_left_out(submit: Callable[..., Job], settings: Any) -> None:
    damaged = Module.objects.get(name="m0").head
    blob = damaged.files.get(path="adapter_model.safetensors").blob
    path = Path(settings.MEDIA_ROOT) / blob.storage_name
    path.chmod(0o644)
    path.write_bytes(b"\0" * blob.size)
    job = run(submit(modules="auto"))
    assert (job.status, job.error) == ("succeeded", "")
    assert damaged.pk not in job.modules.values_list("revision", flat=True)
    assert job.modules.count() == 3
