"""Tokens, organisations, gates and the log, looked at in a browser."""

from pathlib import Path
from typing import Any

import pytest

from hub.registry.models import Module
from tests.composer.adapter_folder import write_adapter

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def module(alice: Any, tmp_path: Path) -> Module:
    """alice/opposites, public."""
    from hub.registry.services import ModuleMetadata, publish_revision

    files = {path.name: path for path in write_adapter(tmp_path / "adapter").iterdir()}
    about = ModuleMetadata(summary="The opposite of a word", task="antonym", license="mit")
    return publish_revision(
        user=alice, namespace=alice.namespace, name="opposites", files=files, metadata=about
    ).module


def test_a_token_for_one_module(page, alice, sign_in, look, module):
    sign_in(page, alice)
    page.goto("/settings/tokens/")
    assert not page.locator("#id_targets").is_visible()
    page.get_by_role("textbox", name="Name").fill("ci")
    page.get_by_label("Only what is chosen below").check()
    page.locator("#id_targets").fill("alice/opposites")
    page.locator("#id_permission").select_option("write")
    look(page, "token-form")
    page.get_by_role("button", name="Create token").click()
    page.locator(".secret").wait_for()
    look(page, "token-made")


def test_an_organisation_and_its_members(page, alice, bob, sign_in, look):
    from hub.accounts import organisations

    weavers = organisations.create_organisation(
        user=alice, name="weavers", title="The Weavers", about="We compose modules from modules."
    )
    organisations.invite(user=alice, organisation=weavers, username="bob", role="writer")
    sign_in(page, alice)
    page.goto("/weavers")
    look(page, "organisation")
    page.goto("/organisations/weavers/members/")
    look(page, "organisation-members")
    page.goto("/organisations/weavers/settings/")
    look(page, "organisation-settings")
    page.goto("/settings/organisations/")
    look(page, "organisations")


def test_a_gate(page, alice, bob, charlie, sign_in, look, module):
    from hub.registry.services import request_access, set_gate

    set_gate(user=alice, module=module, gate="manual", text="For research only. What will you use it for?")
    request_access(user=charlie, module=module, message="A study of opposites in three languages.")
    sign_in(page, bob)
    page.goto("/alice/opposites")
    look(page, "gated-module")
    page.get_by_role("link", name="Request access").click()
    page.get_by_role("heading", name="Request access").wait_for()
    look(page, "gate-request")
    page.get_by_label("Message to the owner").fill("To compare it with ours.")
    page.get_by_role("button", name="Request access").click()
    page.get_by_role("heading", name="Your request waits").wait_for()
    page.context.clear_cookies()
    sign_in(page, alice)
    page.goto("/alice/opposites/access")
    page.get_by_role("button", name="Let in charlie").click()
    page.get_by_role("heading", name="Decided").wait_for()
    look(page, "gate-queue")


def test_the_pages_of_an_owner(page, alice, sign_in, look, module):
    from hub.registry.services import delete_module, move_module, yank_revision

    module = move_module(user=alice, module=module, namespace=alice.namespace, name="antonyms")
    yank_revision(user=alice, revision=module.head, reason="Trained on the rows that it is tested on.")
    sign_in(page, alice)
    for path, name in (
        ("/alice/antonyms", "yanked"),
        ("/alice/antonyms/edit", "edit"),
        ("/alice/antonyms/log", "module-log"),
        ("/settings/log/", "log"),
    ):
        page.goto(path)
        look(page, name)
    delete_module(user=alice, module=module)
    page.goto("/settings/storage/")
    look(page, "storage")
    page.get_by_role("button", name="Restore alice/antonyms").click()
    page.get_by_role("heading", name="antonyms").wait_for()
