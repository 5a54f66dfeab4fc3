"""Access tokens: made, shown once, revoked, by their owner alone."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from hub.accounts import services
from hub.accounts.models import AccessToken

PAGE = "/settings/tokens/"
FORM = {"name": "laptop", "scope": "write", "expires": "90"}


def test_a_new_token_is_shown_once_and_only_its_hash_is_kept(alice_client, alice):
    page = alice_client.post(PAGE, FORM).content.decode()
    (plaintext,) = re.findall(r"hf_[A-Za-z0-9]{36}", page)
    token = AccessToken.objects.get(user=alice)
    assert token.token_hash == services.hash_token(plaintext)
    assert token.scope == "write"
    assert timedelta(days=89) < token.expires_at - timezone.now() < timedelta(days=91)
    again = alice_client.get(PAGE).content.decode()
    assert "laptop" in again
    assert plaintext not in again


def test_the_page_with_the_text_is_not_stored_by_a_browser(alice_client):
    assert "no-store" in alice_client.post(PAGE, FORM).headers["Cache-Control"]


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"scope": "admin"}, {"expires": "9999"}, {"name": "x" * 61}]
)
def test_wrong_input_makes_no_token(alice_client, change):
    assert alice_client.post(PAGE, FORM | change).status_code == 400
    assert not AccessToken.objects.exists()


def test_revoking_ends_it(alice_client, alice):
    token, plaintext = services.create_token(user=alice, name="laptop")
    answer = alice_client.post(f"{PAGE}{token.pk}/revoke/")
    assert (answer.status_code, answer.url) == (302, PAGE)
    assert services.find_token(plaintext) is None


def test_a_stranger_cannot_revoke_it(charlie_client, alice):
    token, plaintext = services.create_token(user=alice, name="laptop")
    assert charlie_client.post(f"{PAGE}{token.pk}/revoke/").status_code == 404
    assert services.find_token(plaintext) == token


def test_a_stranger_does_not_see_it(charlie_client, alice):
    services.create_token(user=alice, name="alices secret laptop")
    assert "alices secret laptop" not in charlie_client.get(PAGE).content.decode()


def test_without_an_account_the_pages_lead_to_signing_in(client, alice):
    token, _ = services.create_token(user=alice, name="laptop")
    assert client.get(PAGE).url == f"/signin/?next={PAGE}"
    assert client.post(PAGE, FORM).url.startswith("/signin/")
    assert client.post(f"{PAGE}{token.pk}/revoke/").url.startswith("/signin/")
    assert client.get("/settings/password/").url.startswith("/signin/")


def test_an_expired_token_or_one_of_a_closed_account_is_unknown(alice, bob):
    _, expired = services.create_token(
        user=alice, name="old", expires_at=timezone.now() - timedelta(seconds=1)
    )
    _, closed = services.create_token(user=bob, name="laptop")
    bob.is_active = False
    bob.save()
    assert services.find_token(expired) is None
    assert services.find_token(closed) is None
    assert services.find_token("hf_" + "x" * 36) is None


def test_use_is_noted_at_most_once_a_minute(alice, django_assert_num_queries):
    token, plaintext = services.create_token(user=alice, name="laptop")
    with django_assert_num_queries(2):
        services.find_token(plaintext)
    with django_assert_num_queries(1):
        services.find_token(plaintext)
    token.refresh_from_db()
    assert token.last_used_at is not None
