"""How often one may ask the REST API."""

import pytest

from hub.hfapi import rates

MODULES = "/api/v1/modules/"


@pytest.fixture(autouse=True)
def _three_requests(settings, monkeypatch, db):
    settings.API_REQUESTS = 3
    monkeypatch.setattr(rates, "_windows", {})
    monkeypatch.setattr(rates.time, "time", lambda: 1_000_000_000.0)


def test_every_answer_says_what_is_left(alice_api):
    answer = alice_api.get(MODULES)
    assert answer.headers["RateLimit"] == '"api";r=2;t=200'
    assert answer.headers["RateLimit-Policy"] == '"fixed window";"api";q=3;w=300'
    assert "Retry-After" not in answer.headers


def test_too_many_are_refused_for_this_user_alone(alice_api, bob_api, api):
    for _ in range(3):
        assert alice_api.get(MODULES).status_code == 200
    answer = alice_api.get(MODULES)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.headers["Retry-After"] == "200"
    assert answer.headers["RateLimit"].startswith('"api";r=0')
    assert bob_api.get(MODULES).status_code == 200
    assert api.get(MODULES).status_code == 200


def test_visitors_are_told_apart_by_their_address(api):
    for _ in range(3):
        api.get(MODULES, REMOTE_ADDR="192.0.2.1")
    assert api.get(MODULES, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert api.get(MODULES, REMOTE_ADDR="192.0.2.2").status_code == 200


def test_guessing_tokens_counts_too(api):
    for number in range(3):
        api.credentials(HTTP_AUTHORIZATION=f"Bearer hf_{number}")
        assert api.get(MODULES).status_code == 401
    api.credentials(HTTP_AUTHORIZATION="Bearer hf_more")
    answer = api.get(MODULES)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")


def test_a_page_of_the_site_is_not_counted(client):
    assert "RateLimit" not in client.get("/").headers
