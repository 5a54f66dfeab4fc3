from typing import Any

import pytest

from composer.errors import SettingsError
from composer.settings import ComposeSettings


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("budget", 0, "bad_budget"),
        ("budget", 2001, "bad_budget"),
        ("budget", 4.5, "bad_budget"),
        ("budget", True, "bad_budget"),
        ("seed", -1, "bad_seed"),
        ("method", "ties", "bad_method"),
        ("optimizer", "adam", "bad_optimizer"),
        ("bound", float("nan"), "bad_bound"),
        ("penalty", float("inf"), "bad_penalty"),
        ("rank", 0, "bad_rank"),
        ("template", "no fields", "bad_settings"),
        ("max_modules", 0, "bad_max_modules"),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: Any, code: str) -> None:
    with pytest.raises(SettingsError) as error:
        ComposeSettings(**{field: value})
    assert error.value.code == code


def test_the_defaults_are_valid() -> None:
    assert ComposeSettings().budget == 40
