"""Cursors: whole walks in both directions, rows that come meanwhile, and cursors that nobody gave out."""

import base64
import json

import pytest

from hub.accounts import services
from hub.accounts.models import AccessToken

TOKENS = "/api/v1/tokens/"
LOG = "/api/v1/log/"


@pytest.fixture
def seven(alice, alice_api):
    for number in range(6):
        services.create_token(user=alice, name=f"t{number}", scope="read")
    # Ties: many rows made at one time are still told apart.
    AccessToken.objects.update(created_at=AccessToken.objects.order_by("pk")[0].created_at)
    return [row.pk for row in AccessToken.objects.filter(user=alice).order_by("-pk")]


def _walk(client, address, key="next"):
    while address:
        body = client.get(address).json()
        yield [row["id"] for row in body["results"]]
        address = body[key]
        last = body
    assert last[key] is None


def test_a_walk_forth_and_back_meets_every_row_once(alice_api, seven):
    pages = list(_walk(alice_api, f"{TOKENS}?limit=3"))
    assert pages == [seven[:3], seven[3:6], seven[6:]]
    first = alice_api.get(f"{TOKENS}?limit=3").json()
    assert (first["count"], first["previous"]) == (7, None)
    last = alice_api.get(alice_api.get(first["next"]).json()["next"]).json()
    assert last["next"] is None
    assert list(_walk(alice_api, last["previous"], "previous")) == [seven[3:6], seven[:3]]


def test_a_row_that_comes_or_goes_meanwhile_moves_no_other(alice, alice_api, seven):
    first = alice_api.get(f"{TOKENS}?limit=3").json()
    services.create_token(user=alice, name="new", scope="read")
    AccessToken.objects.filter(pk=seven[1]).delete()
    assert [row["id"] for row in alice_api.get(first["next"]).json()["results"]] == seven[3:6]


def test_page_numbers_lead_into_cursors(alice_api, seven):
    body = alice_api.get(f"{TOKENS}?page=2&page_size=3").json()
    assert [row["id"] for row in body["results"]] == seven[3:6]
    assert [row["id"] for row in alice_api.get(body["next"]).json()["results"]] == seven[6:]
    assert [row["id"] for row in alice_api.get(body["previous"]).json()["results"]] == seven[:3]


def _cursor(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "\u00e9",
        _cursor(1),
        _cursor([None, -1, False]),
        _cursor([None, 0, 1]),
        _cursor([None, 10**30, False]),
        _cursor([[1], 0, False]),
        _cursor([["yesterday", 1], 0, False]),
        _cursor([["2026-01-01T00:00:00Z", "x"], 0, False]),
        _cursor([["2026-01-01T00:00:00Z", {}], 0, False]),
        _cursor([["2026-01-01T00:00:00Z", 2**70], 0, False]),
        _cursor([["a\0", 1], 0, False]),
    ],
)
def test_a_cursor_that_nobody_gave_out(alice_api, seven, cursor):
    answer = alice_api.get(TOKENS, {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("limit", ["0", "-1", "x", "\u0663", "9" * 50])
def test_an_odd_limit_is_the_usual_one(alice_api, seven, limit):
    assert len(alice_api.get(TOKENS, {"limit": limit}).json()["results"]) == 7


def test_another_list_and_a_stranger(alice_api, charlie_api, api, seven):
    assert alice_api.get(LOG, {"limit": 2}).json()["next"]
    address = alice_api.get(f"{TOKENS}?limit=3").json()["next"]
    assert [row["name"] for row in charlie_api.get(address).json()["results"]] in ([], ["test"])
    assert api.get(address).status_code == 401
