"""The compose form of somebody who may publish for an organisation."""

from typing import Any

import pytest

from hub.accounts import organisations
from tests.hub.jobs.conftest import base_model, modules, tiny_base, tiny_modules  # noqa: F401 (fixtures)


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_chosen_beside_the_name(
    page: Any,
    sign_in: Any,
    look: Any,
    alice: Any,
    modules: Any,  # noqa: F811
) -> None:
    organisations.create_organisation(user=alice, name="words")
    sign_in(page, alice)
    page.goto("/compose/")
    page.get_by_label("Owner", exact=True).select_option("words")
    look(page, "compose-owner")
    assert page.get_by_label("Owner", exact=True).input_value() == "words"
    assert page.locator("#id_name").bounding_box()["width"] > 150
