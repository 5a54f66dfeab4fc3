"""Exports from a module's page: made by the worker's own code, offered, kept private, cleaned up."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.utils import timezone

from composer.adapters import load_adapter
from hub.exports import runner, services
from hub.exports.models import Export
from hub.registry.models import Revision

pytestmark = pytest.mark.django_db(transaction=True)


def made(revision: Revision, user: Any, kind: str = "gguf") -> Export:
    """An export as a worker leaves it."""
    export = services.request_export(user=user, revision=revision, kind=kind)
    runner.make_export(export.pk)
    export.refresh_from_db()
    return export


def address(revision: Revision, path: str = "") -> str:
    return f"{revision.module.get_absolute_url()}/exports/{revision.commit}/{path}"


def test_a_gguf_lora_is_made_on_demand_and_downloaded(
    revision: Revision, alice_client: Any, client: Any, tiny_modules: list[Path], tmp_path: Path
) -> None:
    import gguf

    page = revision.module.get_absolute_url()
    assert "Sign in to have it made" in client.get(page).content.decode()
    answer = alice_client.post(address(revision, "start"), {"format": "gguf"}, follow=True)
    text = answer.content.decode()
    assert "Waiting for a worker" in text
    assert "every 2s" in text
    runner.make_export(Export.objects.get().pk)
    part = client.get(address(revision)).content.decode()
    assert "every 2s" not in part
    assert address(revision, "gguf/download") in part
    answer = client.get(address(revision, "gguf/download"))
    assert f"m1-{revision.short}-lora.gguf" in answer["Content-Disposition"]
    path = tmp_path / "lora.gguf"
    path.write_bytes(b"".join(answer.streaming_content))
    tensors = {t.name: t.data for t in gguf.GGUFReader(path).tensors}
    layer, factors = next(
        (n, f) for n, f in load_adapter(tiny_modules[1]).factors.items() if n.endswith("v_proj")
    )
    name = f"blk.{layer.split('.')[2]}.attn_v.weight"
    update = tensors[f"{name}.lora_b"] @ tensors[f"{name}.lora_a"]  # alpha = rank: llama.cpp scales by 1
    np.testing.assert_allclose(update, factors.dense().numpy(), atol=1e-5)


def test_a_merged_model_needs_no_peft(revision: Revision, alice: Any, client: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    export = made(revision, alice, "merged")
    assert (export.status, export.error) == ("ready", "")
    data = b"".join(client.get(address(revision, "merged/download")).streaming_content)
    assert len(data) == export.size
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m1")
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_a_private_module_is_nobody_elses(
    private_module: str, bob: Any, bob_client: Any, charlie_client: Any
) -> None:
    from hub.registry.services import find_module

    revision = find_module(private_module, bob).head
    assert revision is not None
    assert made(revision, bob).status == "ready"
    answer = bob_client.get(address(revision, "gguf/download"))
    assert b"".join(answer.streaming_content).startswith(b"GGUF")
    answer.close()
    for path in ("", "gguf/download"):
        assert charlie_client.get(address(revision, path)).status_code == 404
    assert charlie_client.post(address(revision, "start"), {"format": "gguf"}).status_code == 404


def test_asking_twice_makes_one_file_and_two_deliveries_too(revision: Revision, alice: Any, bob: Any) -> None:
    first = made(revision, alice)
    stored = first.stored_as
    again = services.request_export(user=bob, revision=revision, kind="gguf")
    runner.make_export(again.pk)
    again.refresh_from_db()
    assert (again.pk, again.attempt, again.stored_as) == (first.pk, 1, stored)


def test_an_abandoned_one_is_made_again_and_the_late_worker_writes_nothing(
    revision: Revision, alice: Any
) -> None:
    export = services.request_export(user=alice, revision=revision, kind="gguf")
    late = services.claim(export.pk)
    assert late is not None
    Export.objects.update(changed_at=timezone.now() - timedelta(hours=1))
    assert made(revision, alice).status == "ready"
    assert not services.finish(late, stored_as="late", size=1)
    export.refresh_from_db()
    assert (export.attempt, export.stored_as == "late") == (2, False)


def test_what_cannot_be_exported_says_why(revision: Revision, alice: Any, alice_client: Any) -> None:
    Revision.objects.filter(pk=revision.pk).update(
        composable=False, not_composable_reason="it trains whole layers"
    )
    assert (
        "It cannot be exported: it trains whole layers."
        in alice_client.get(address(revision)).content.decode()
    )
    revision.refresh_from_db()
    with pytest.raises(services.ExportRefused, match="whole layers"):
        services.request_export(user=alice, revision=revision, kind="gguf")


def test_a_damaged_file_is_told_and_can_be_tried_again(revision: Revision, alice: Any, settings: Any) -> None:
    blob = revision.files.get(path="adapter_model.safetensors").blob
    path = Path(settings.MEDIA_ROOT) / blob.storage_name
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    export = made(revision, alice)
    assert (export.status, "damaged" in export.error) == ("failed", True)
    path.write_bytes(whole)
    assert made(revision, alice).status == "ready"


def test_old_exports_go_and_then_the_least_used_beyond_the_limit(
    revision: Revision, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = made(revision, alice)
    Export.objects.filter(pk=old.pk).update(used_at=timezone.now() - timedelta(days=8))
    used = made(revision, alice, "merged")
    assert services.clean_up() == 1
    assert not default_storage.exists(old.stored_as)
    assert default_storage.exists(used.stored_as)
    monkeypatch.setattr(services, "KEPT_BYTES", used.size - 1)
    assert services.clean_up() == 1
    assert not Export.objects.exists()
