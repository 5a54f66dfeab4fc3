"""A published module that can be exported, with its tiny base model."""

from typing import Any

import pytest

from tests.hub.jobs.conftest import (  # noqa: F401  fixtures
    base_model,
    modules,
    private_module,
    publish,
    tiny_base,
    tiny_modules,
)


@pytest.fixture
def revision(modules: list[str]) -> Any:  # noqa: F811
    """The head of bob's m1."""
    from hub.registry.models import Module

    return Module.objects.get(namespace__name="bob", name="m1").head
