"""The `hf` command of every version."""

from collections.abc import Callable
from typing import Any

from tests.clients.environments import VERSIONS
from tests.clients.test_writing import adapter_of  # noqa: F401 (a fixture)


def test_command_line(
    works: Callable[..., None],
    alice: Any,
    token_of: Any,
    adapter_of: Any,  # noqa: F811
) -> None:
    for number, version in enumerate(VERSIONS):
        works(version, "command_line.py", token_of(alice), ADAPTER=str(adapter_of(number)))
