"""The reading half of the protocol, by the real clients."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.community.services import like
from hub.registry.models import BaseModel, Module
from hub.registry.services import ModuleMetadata, create_draft, create_ref, publish_revision
from tests.clients.environments import VERSIONS
from tests.composer.adapter_folder import write_adapter
from tests.hub.registry.conftest import CARD
from tests.tiny import save_llama

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def contents(server: Any, alice: Any, bob: Any, tmp_path: Path) -> dict[str, str]:
    """What reading.py reads; its environment."""
    folder = write_adapter(tmp_path / "adapter")
    (folder / "README.md").write_text(CARD)
    (folder / "curve.png").write_bytes(PNG)

    def publish(name: str, **options: Any) -> Any:
        files = {("img/curve.png" if p.name == "curve.png" else p.name): p for p in folder.iterdir()}
        return publish_revision(
            user=alice,
            namespace=alice.namespace,
            name=name,
            files=files,
            metadata=ModuleMetadata(),
            **options,
        )

    first = publish("opposites")
    create_ref(user=alice, module=first.module, kind="tag", name="v1.0")
    (folder / "README.md").write_text(CARD + "\nMore.\n")
    second = publish("opposites", create=False, message="A better card")
    publish("second")
    publish("secret", private=True)
    like(user=bob, module=first.module)
    create_draft(user=alice, namespace=alice.namespace, name="draft")
    base = save_llama(tmp_path / "base")
    BaseModel.objects.create(
        model_id="tests/tiny-llama",
        architecture="causal",
        fingerprint="0" * 64,
        layers={},
        parameters=1000,
        context_length=512,
        folder=str(base),
    )
    weights = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    return {"COMMITS": f"{first.commit} {second.commit}", "WEIGHTS_SHA256": weights}


def test_reading(works: Callable[..., None], contents: dict[str, str], alice: Any, token_of: Any) -> None:
    """All versions on one server: what they ask for is the same."""
    for version in VERSIONS:
        works(version, "reading.py", token_of(alice, "read"), **contents)
        Module.objects.update(downloads=0)
