"""Fine-grained tokens: what they are for, and nothing else. Through the REST API and the downloads."""

import pytest
from rest_framework.test import APIClient

from hub.accounts import policy, tokens
from hub.accounts.errors import AccountError
from hub.accounts.models import TokenGrant

WEIGHTS = "resolve/main/adapter_model.safetensors"


@pytest.fixture
def api_with(db):
    """api_with(user, "alice/secret", permission="write"): a client with a token for that alone."""

    def make(user, *targets, permission="read"):
        _, text = tokens.create_token(
            user=user, name="x", scope="fine", targets=targets, permission=permission
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return client

    return make


def test_it_sees_its_module_and_what_is_public(api_with, alice, private_module, publish_other):
    publish_other(alice, "other-secret", private=True)
    publish_other(alice, "open")
    client = api_with(alice, "alice/secret")
    names = {row["name"] for row in client.get("/api/v1/modules/").json()["results"]}
    assert names == {"secret", "open"}
    for name, status in (("secret", 200), ("open", 200), ("other-secret", 404)):
        assert client.get(f"/api/v1/modules/alice/{name}/").status_code == status
        assert client.head(f"/alice/{name}/{WEIGHTS}").status_code == status


def test_a_token_for_a_namespace_sees_all_of_it(api_with, alice, private_module, publish_other):
    publish_other(alice, "other-secret", private=True)
    client = api_with(alice, "alice")
    names = {row["name"] for row in client.get("/api/v1/modules/").json()["results"]}
    assert names == {"secret", "other-secret"}


@pytest.mark.parametrize(
    ("permission", "patch", "hide", "delete"),
    [("read", 403, 403, 403), ("write", 200, 403, 403), ("manage", 200, 200, 204)],
)
def test_each_permission_holds_the_ones_before(api_with, alice, module, permission, patch, hide, delete):
    client = api_with(alice, "alice/opposites", permission=permission)
    address = "/api/v1/modules/alice/opposites/"
    assert client.patch(address, {"summary": "New"}).status_code == patch
    assert client.patch(address, {"private": True}).status_code == hide
    refused = client.delete(address)
    assert refused.status_code == delete
    if delete == 403:
        assert refused.json()["code"] == "forbidden"
        assert "This token may not" in refused.json()["detail"]


def test_it_does_not_write_elsewhere(api_with, alice, module, publish_other):
    publish_other(alice, "open")
    client = api_with(alice, "alice/opposites", permission="manage")
    assert client.patch("/api/v1/modules/alice/open/", {"summary": "x"}).json()["code"] == "forbidden"


def test_a_token_for_a_module_makes_no_new_one(api_with, alice, module, adapter):
    from tests.hub.registry.conftest import upload_form

    by_module = api_with(alice, "alice/opposites", permission="manage")
    refused = by_module.post("/api/v1/modules/", upload_form(adapter, name="fresh"), format="multipart")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    by_namespace = api_with(alice, "alice", permission="write")
    made = by_namespace.post("/api/v1/modules/", upload_form(adapter, name="fresh"), format="multipart")
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/api/v1/jobs/"),
        ("post", "/api/v1/jobs/"),
        ("get", "/api/v1/tokens/"),
        ("post", "/api/v1/tokens/"),
    ],
)
def test_it_does_nothing_for_the_account(api_with, alice, method, address):
    answer = getattr(api_with(alice, "alice", permission="manage"), method)(address)
    assert (answer.status_code, answer.json()["code"]) == (403, "fine_grained_token")


def test_it_is_for_what_its_user_may_do_today(api_with, alice, bob, module):
    """The grant names a module, not a right: what alice may no longer do, her token may not."""
    token, text = tokens.create_token(
        user=alice, name="x", scope="fine", targets=["alice/opposites"], permission="write"
    )
    acting = tokens.authenticate(f"Bearer {text}")
    assert policy.can(acting, policy.Action.WRITE, module)
    module.namespace.user = bob
    assert not policy.can(acting, policy.Action.WRITE, module)
    assert token.grants.get().target == "alice/opposites"


@pytest.mark.parametrize(
    ("targets", "permission", "code"),
    [
        ([], "read", "no_targets"),
        (["", " / "], "read", "no_targets"),
        (["alice/none"], "read", "unknown_target"),
        (["alice/secret"], "read", "unknown_target"),
        (["alice"], "read", "unknown_target"),
        (["alice/opposites"], "write", "unknown_target"),
        (["a\0b/c"], "read", "unknown_target"),
        ([f"alice/{n}" for n in range(51)], "read", "too_many_targets"),
    ],
)
def test_targets_are_what_the_user_may_use(bob, module, private_module, targets, permission, code):
    with pytest.raises(AccountError) as error:
        tokens.create_token(user=bob, name="x", scope="fine", targets=targets, permission=permission)
    assert error.value.code == code
    assert not TokenGrant.objects.exists()


def test_the_page_makes_one_and_lists_what_it_is_for(alice_client, module):
    form = {
        "name": "ci",
        "scope": "fine",
        "expires": "30",
        "targets": "alice/Opposites",
        "permission": "write",
    }
    assert "hf_" in alice_client.post("/settings/tokens/", form).content.decode()
    assert '<a href="/alice/opposites">' in alice_client.get("/settings/tokens/").content.decode()
    refused = alice_client.post("/settings/tokens/", form | {"targets": "bob/x"})
    assert refused.status_code == 400
    assert "There is no bob/x" in refused.content.decode()
    assert 'value="ci"' in refused.content.decode()
