"""A base model of two layers, adapters that fit it, and modules of alice. No torch."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.registry.models import BaseModel, Module, Revision
from hub.registry.services import ModuleMetadata, publish_revision
from tests.composer.adapter_folder import CONFIG, LAYERS, write_adapter

CARD = "---\nlicense: mit\nlanguage:\n- en\n- de\ntags:\n- words\n---\n# Opposites\n\nIt gives the **opposite** of a word.\n"
BASE = str(CONFIG["base_model_name_or_path"])


@pytest.fixture
def base_model(db: None) -> BaseModel:
    """The base model that adapters of tests.composer.adapter_folder fit."""
    return BaseModel.objects.create(
        model_id=BASE,
        architecture="causal",
        fingerprint="0" * 64,
        layers={layer: [8, 8] for layer in LAYERS},
        parameters=1000,
        context_length=512,
        folder="/nowhere",
        is_default=True,
    )


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A valid adapter folder with a card."""
    folder = write_adapter(tmp_path / "adapter")
    (folder / "README.md").write_text(CARD)
    return folder


def files_of(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def publish(adapter: Path) -> Callable[..., Revision]:
    """publish(user, "name", private=…, summary=…, …): a revision with the valid adapter's files."""

    def make(
        user: Any, name: str = "opposites", *, private: bool = False, folder: Path = adapter, **options: Any
    ) -> Revision:
        about = {key: options.pop(key) for key in list(options) if key in ModuleMetadata.__dataclass_fields__}
        return publish_revision(
            user=user,
            namespace=user.namespace,
            name=name,
            files=files_of(folder),
            metadata=ModuleMetadata(**about),
            private=private,
            **options,
        )

    return make


@pytest.fixture
def publish_other(adapter: Path, tmp_path: Path, publish: Any) -> Callable[..., Revision]:
    """As publish, but every module's adapter is another one."""
    made: list[Path] = []

    def make(user: Any, name: str, **options: Any) -> Revision:
        folder = write_adapter(tmp_path / f"adapter{len(made)}", lora_alpha=9 + len(made))
        if (adapter / "README.md").exists():
            shutil.copy(adapter / "README.md", folder)
        made.append(folder)
        return publish(user, name, folder=folder, **options)

    return make


@pytest.fixture
def module(base_model: BaseModel, alice: Any, publish: Any) -> Module:
    """alice/opposites, public."""
    return publish(alice).module


@pytest.fixture
def private_module(base_model: BaseModel, alice: Any, publish: Any) -> Module:
    """alice/secret, private."""
    return publish(alice, "secret", private=True).module


def upload_form(folder: Path, **fields: Any) -> dict[str, Any]:
    """The multipart fields of an upload of this folder."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    files = [SimpleUploadedFile(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    return {"name": "opposites", "files": files, **fields}
