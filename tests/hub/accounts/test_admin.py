"""Django's admin over accounts."""

import pytest

from hub.accounts import services
from hub.accounts.models import User

NEW = {
    "username": "dana",
    "password1": "seven calm otters",
    "password2": "seven calm otters",
    "usable_password": "true",
}


@pytest.fixture
def admin_page(client, db):
    client.force_login(services.create_user("founder", "", "x", is_superuser=True))
    return client


def test_every_page_of_accounts_opens(admin_page, alice):
    token, _ = services.create_token(user=alice, name="laptop")
    for path in ("", "user/", "user/add/", f"user/{alice.pk}/change/", "namespace/", "accesstoken/"):
        assert admin_page.get(f"/admin/accounts/{path}").status_code == 200, path
    page = admin_page.get(f"/admin/accounts/accesstoken/{token.pk}/change/").content.decode()
    assert token.token_hash not in page
    assert admin_page.get("/admin/accounts/accesstoken/add/").status_code == 403


def test_a_user_made_there_has_a_namespace(admin_page):
    assert admin_page.post("/admin/accounts/user/add/", NEW).status_code == 302
    assert User.objects.get(username="dana").namespace.name == "dana"


@pytest.mark.parametrize("name", ["api", "ALICE", "a b"])
def test_a_bad_name_is_refused(admin_page, alice, name):
    assert admin_page.post("/admin/accounts/user/add/", NEW | {"username": name}).status_code == 200
    assert User.objects.count() == 2


def test_somebody_else_is_sent_to_sign_in(alice_client):
    assert alice_client.get("/admin/accounts/user/").status_code == 302
