"""POST /api/v1/modules/fit/: which modules may help with my examples?"""

from pathlib import Path
from typing import Any

import pytest

from hub.registry.models import BaseModel, Module

URL = "/api/v1/modules/fit/"
BODY = {
    "base_model": "tests/tiny",
    "examples": [
        {"input": "Say the currency of the country.\n\nQ: Japan\nA:", "output": "yen"},
        {"input": "Say the currency of the country.\n\nQ: Chile\nA:", "output": "peso"},
    ],
}


@pytest.fixture
def modules(base_model: BaseModel, alice: Any, publish_other: Any) -> None:
    publish_other(alice, "opposites", summary="Gives the opposite of a word")
    publish_other(alice, "currency", summary="Names the currency of a country")
    publish_other(alice, "secret", summary="Names the currency of a country", private=True)


@pytest.mark.usefixtures("modules")
def test_ranked_by_words(alice_api: Any, bob_api: Any) -> None:
    answer = alice_api.post(URL, BODY).json()
    assert answer["ranked_by"] == "words"
    assert {row["full_name"] for row in answer["results"][:2]} == {"alice/currency", "alice/secret"}
    best, *_, last = answer["results"]
    assert best["score"] == 1
    assert (last["name"], last["score"], last["similarity"]) == ("opposites", 0, None)
    assert {row["name"] for row in bob_api.post(URL, BODY).json()["results"]} == {"currency", "opposites"}


@pytest.mark.usefixtures("modules")
def test_ranked_by_meaning(alice_api: Any, settings: Any, sentence_model: Path) -> None:
    from hub.registry.services.vectors import fill_vectors

    settings.HUB_DATA = sentence_model.parent.parent
    assert fill_vectors() == 3
    body = BODY | {"examples": [{"input": "Which coin is used in Japan?", "output": "yen"}]}
    answer = alice_api.post(URL, body).json()
    assert answer["ranked_by"] == "meaning and words"
    similarities = {row["name"]: row["similarity"] for row in answer["results"]}
    assert similarities["currency"] > similarities["opposites"] + 0.1
    assert answer["results"][-1]["name"] == "opposites"


@pytest.mark.usefixtures("modules")
def test_a_token_that_may_only_read_may_ask_a_visitor_may_not(api: Any, api_for: Any, bob: Any) -> None:
    assert api_for(bob, "read").post(URL, BODY).status_code == 200
    assert api.post(URL, BODY).status_code == 401


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"base_model": "no/such"}, "unknown_base"),
        ({"base_model": "no\0such"}, "invalid"),
        ({"base_model": None}, "invalid"),
        ({"examples": []}, "bad_examples"),
        ({"examples": "x => y"}, "invalid"),
        ({"examples": [{"input": "a"}]}, "invalid"),
        ({"examples": [{"input": " \n", "output": "b"}]}, "bad_examples"),
        ({"examples": [{"input": "a" * 20_001, "output": "b"}]}, "bad_examples"),
        ({"examples": [{"input": "a", "output": "b"}] * 101}, "bad_examples"),
    ],
)
def test_wrong_questions(bob_api: Any, change: dict[str, Any], code: str) -> None:
    answer = bob_api.post(URL, BODY | change)
    assert answer.status_code == 400
    assert answer.json()["code"] == code


def test_a_hub_without_modules(base_model: BaseModel, bob_api: Any) -> None:
    assert bob_api.post(URL, BODY).json() == {"ranked_by": "words", "results": []}
    assert not Module.objects.exists()
