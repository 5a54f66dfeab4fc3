"""The writing half of the protocol, by the real clients: with Xet, and with Git LFS alone."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.registry.models import Blob, File, Module
from hub.registry.storage import check_blob
from tests.clients.environments import VERSIONS
from tests.composer.adapter_folder import CONFIG, safetensors_bytes, write_adapter
from tests.hub.registry.conftest import CARD


def wide(seed: int, width: int = 90_000) -> bytes:
    """A weights file of about 3 MB; every seed gives other bytes. Half of it compresses well."""
    random = np.random.default_rng(seed)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{layer}.lora_A.weight": random.standard_normal((4, width)).astype("<f4"),
        f"{layer}.lora_B.weight": np.full((width, 4), 0.02 * (seed + 1), dtype="<f4"),
    }
    return safetensors_bytes(tensors)


@pytest.fixture
def adapter_of(tmp_path: Path) -> Callable[[int], Path]:
    def make(seed: int) -> Path:
        config = {**CONFIG, "target_modules": ["q_proj"], "base_model_name_or_path": "far/away"}
        folder = write_adapter(tmp_path / f"adapter-{seed}", config, wide(seed))
        (folder / "README.md").write_text(CARD)
        return folder

    return make


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_writing(
    works: Callable[..., None], server: Any, alice: Any, bob: Any, token_of: Any, adapter_of: Any, xet: bool
) -> None:
    tokens = {"BOB": token_of(bob), "READER": token_of(alice, "read")}
    switch = {} if xet else {"HF_HUB_DISABLE_XET": "1"}
    for number, version in enumerate(VERSIONS):
        folder = adapter_of(2 * number)
        works(
            version,
            "writing.py",
            token_of(alice),
            ADAPTER=str(folder),
            OTHER=str(adapter_of(2 * number + 1) / "adapter_model.safetensors"),
            **tokens,
            **switch,
        )
    for blob in Blob.objects.filter(files__isnull=False).distinct():
        check_blob(blob)
    sent = {hashlib.sha256(wide(seed)).hexdigest() for seed in range(2 * len(VERSIONS))}
    assert (
        set(File.objects.filter(path="adapter_model.safetensors").values_list("blob__sha256", flat=True))
        == sent
    )
    assert ("POST /xet/" in server.log.read_text()) == xet
    assert "/complete" in server.log.read_text()  # multipart
    assert Module.objects.filter(head__isnull=False, deleted_at=None).count() >= len(VERSIONS)
