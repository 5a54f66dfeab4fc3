"""A registered tiny base model, published modules on it, and requests to compose them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composer.examples import Example
from tests import tiny

EXAMPLES = [Example(**row) for row in tiny.rows(5)]
HOLDOUT = [Example(**row) for row in tiny.rows(9)[5:]]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: Any) -> Path:
    return tiny.save_llama(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def tiny_modules(tiny_base: Path, tmp_path_factory: Any) -> list[Path]:
    place = tmp_path_factory.mktemp("modules")
    return [tiny.save_lora(tiny_base, place / f"m{i}", r=2 + i, alpha=4, seed=i) for i in range(4)]


@pytest.fixture
def base_model(db: None, tiny_base: Path) -> Any:
    from composer.base_model import describe_base_model
    from hub.registry.services import register_base_model

    description = describe_base_model(tiny_base, model_id=tiny.MODEL_ID)
    return register_base_model(description, folder=str(tiny_base), default=True)


def publish(owner: Any, name: str, folder: Path, *, private: bool = False, **metadata: Any) -> Any:
    """The revision of a new module made of a PEFT folder."""
    from hub.registry.services import ModuleMetadata, publish_revision

    files = {path.name: path for path in folder.iterdir() if path.suffix in (".json", ".safetensors")}
    return publish_revision(
        user=owner,
        namespace=owner.namespace,
        name=name,
        files=files,
        metadata=ModuleMetadata(**metadata),
        private=private,
    )


@pytest.fixture
def modules(base_model: Any, bob: Any, tiny_modules: list[Path]) -> list[str]:
    """Full names of four public modules of bob's."""
    return [
        publish(bob, f"m{i}", folder, license="mit").module.full_name for i, folder in enumerate(tiny_modules)
    ]


@pytest.fixture
def private_module(base_model: Any, bob: Any, tiny_modules: list[Path]) -> str:
    return str(publish(bob, "secret", tiny_modules[0], private=True).module.full_name)


@pytest.fixture
def body(modules: list[str]) -> dict[str, Any]:
    """A good request as the API takes it."""
    return {
        "base_model": tiny.MODEL_ID,
        "modules": modules,
        "examples": [{"input": e.input, "output": e.output} for e in EXAMPLES],
        "budget": 8,
    }


@pytest.fixture
def submit(alice: Any, modules: list[str]) -> Callable[..., Any]:
    """A function: changes to a good request of alice's -> the stored job."""
    from hub.jobs.preflight import ComposeRequest
    from hub.jobs.services import submit_job

    def make(*, owner: Any = alice, idempotency_key: str | None = None, **changes: Any) -> Any:
        request = {
            "base_model": tiny.MODEL_ID,
            "modules": modules,
            "examples": EXAMPLES,
            "budget": 8,
            "prompt_template": "{input} {output}",
        }
        return submit_job(
            owner=owner, request=ComposeRequest(**request | changes), idempotency_key=idempotency_key
        ).job

    return make
