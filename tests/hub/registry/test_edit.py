"""Editing and deleting a module in the browser."""

import pytest

from hub.registry.models import Module, Revision
from hub.registry.services import PublishError, resolve_module_ref

FORM = {
    "summary": "New words",
    "task": "opposites",
    "tags": "x, y",
    "license": "cc0-1.0",
    "base_model": "tests/tiny",
}


def test_edit(alice_client, client, module):
    page = alice_client.get("/alice/opposites/edit").content.decode()
    assert 'value="mit"' in page
    response = alice_client.post("/alice/opposites/edit", FORM)
    assert response.status_code == 302
    module.refresh_from_db()
    assert (module.summary, module.tags, module.license, module.is_private) == (
        "New words",
        ["x", "y"],
        "cc0-1.0",
        False,
    )
    assert module.base_model is not None
    assert [card.name for card in client.get("/modules/?search=new words").context["cards"]] == ["opposites"]


def test_make_private_and_public_again(alice_client, client, module):
    alice_client.post("/alice/opposites/edit", {**FORM, "private": "on"})
    assert client.get("/alice/opposites").status_code == 404
    alice_client.post("/alice/opposites/edit", FORM)
    assert client.get("/alice/opposites").status_code == 200


def test_wrong_values(alice_client, module):
    response = alice_client.post(
        "/alice/opposites/edit", {**FORM, "prompt_template": "no field", "languages": "x!"}
    )
    assert response.status_code == 400
    page = response.content.decode()
    assert "must contain {input} once" in page
    assert 'value="New words"' in page
    module.refresh_from_db()
    assert module.summary == ""


def test_a_base_model_that_does_not_fit(alice_client, module, base_model):
    from hub.registry.models import BaseModel

    BaseModel.objects.create(
        model_id="big/base",
        architecture="causal",
        fingerprint="1",
        layers={},
        parameters=1,
        context_length=1,
        folder="/x",
    )
    response = alice_client.post("/alice/opposites/edit", {**FORM, "base_model": "big/base"})
    assert response.status_code == 400
    assert "does not fit" in response.content.decode()


@pytest.mark.parametrize("path", ["/alice/opposites/edit", "/alice/opposites/delete"])
@pytest.mark.parametrize("who", ["charlie_client", "client"])
def test_others(request, module, path, who):
    response = request.getfixturevalue(who).post(path, {**FORM, "confirm": "alice/opposites"})
    assert response.status_code == (302 if who == "client" else 404)
    module.refresh_from_db()
    assert module.summary == ""
    assert module.deleted_at is None


def test_delete_leaves_the_name_taken_and_the_revision_for_compositions(
    alice_client, client, alice, module, publish
):
    child = publish(alice, "child", parents=[(module.head, 1.0)])
    response = alice_client.post("/alice/opposites/delete", {"confirm": "alice/opposites"})
    assert response.url == "/alice"
    for path in (
        "/alice/opposites",
        "/alice/opposites/resolve/main/README.md",
        "/api/v1/modules/alice/opposites/",
    ):
        assert alice_client.get(path).status_code == 404
    assert "opposites" not in [card.name for card in client.get("/modules/").context["cards"]]
    with pytest.raises(PublishError, match="has been deleted, and is kept until") as error:
        publish(alice, "Opposites")
    assert error.value.status == 409
    assert Revision.objects.filter(module=module).exists()
    assert client.get("/alice/child").status_code == 200
    assert resolve_module_ref("alice/child", alice) == child


def test_delete_wants_the_name_typed(alice_client, module):
    response = alice_client.post("/alice/opposites/delete", {"confirm": "opposites"})
    assert response.url == "/alice/opposites/edit"
    assert Module.objects.get(pk=module.pk).deleted_at is None


def test_delete_is_no_link(alice_client, module):
    assert alice_client.get("/alice/opposites/delete").status_code == 405
