"""tokens/ in the REST API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hub.accounts import services, tokens
from hub.accounts.models import AccessToken

TOKENS = "/api/v1/tokens/"


def test_made_listed_and_revoked(alice_api, alice):
    made = alice_api.post(TOKENS, {"name": "ci", "scope": "read", "days": 7})
    assert made.status_code == 201
    body = made.json()
    assert services.find_token(body["token"]).pk == body["id"]
    listed = {row["id"]: row for row in alice_api.get(TOKENS).json()["results"]}
    assert listed[body["id"]]["name"] == "ci"
    assert "token" not in listed[body["id"]]
    assert alice_api.delete(f"{TOKENS}{body['id']}/").status_code == 204
    assert services.find_token(body["token"]) is None


def test_others_see_and_revoke_nothing(bob_api, alice):
    token, text = services.create_token(user=alice, name="hers")
    assert "hers" not in bob_api.get(TOKENS).content.decode()
    assert bob_api.delete(f"{TOKENS}{token.pk}/").json()["code"] == "unknown_token"
    assert services.find_token(text) == token


def test_visitors_get_401(api, db):
    assert api.get(TOKENS).status_code == 401
    assert api.post(TOKENS, {"name": "x"}).status_code == 401


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"scope": "admin"}, {"days": 0}, {"days": 9999}, {"scope": "fine"}]
)
def test_wrong_input_makes_none(alice_api, change):
    before = AccessToken.objects.count()
    assert alice_api.post(TOKENS, {"name": "ci"} | change, format="json").status_code == 400
    assert AccessToken.objects.count() == before


def test_a_token_makes_none_that_outlives_it(api, alice):
    end = timezone.now() + timedelta(days=3)
    _, text = services.create_token(user=alice, name="short", scope="write", expires_at=end)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert api.post(TOKENS, {"name": "x", "days": 30}).json()["code"] == "token_too_strong"
    assert api.post(TOKENS, {"name": "x"}).status_code == 403
    assert api.post(TOKENS, {"name": "x", "days": 2}).status_code == 201


def test_authenticate_is_one_way_in_for_every_protocol(alice):
    token, text = services.create_token(user=alice, name="x", scope="read")
    user = tokens.authenticate(f"Bearer {text}")
    assert (user, user.token) == (alice, token)
    assert tokens.authenticate("") is None
    assert tokens.authenticate("Basic abc") is None
    with pytest.raises(tokens.BadToken):
        tokens.authenticate("Bearer hf_wrong")


def test_many_tokens_are_too_many(alice, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    for _ in range(2):
        services.create_token(user=alice, name="x")
    with pytest.raises(services.AccountError, match="You have 2 tokens"):
        services.create_token(user=alice, name="x")
