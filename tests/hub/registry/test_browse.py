"""The list of modules: search, facets, order, pages."""

import re

import pytest

from hub.registry.models import Module


@pytest.fixture
def library(base_model, alice, bob, publish):
    publish(
        alice,
        "capitalize-word",
        summary="Writes a word in capitals",
        task="capitalisation",
        tags=("letters",),
    )
    publish(alice, "antonym", summary="Gives the opposite of a word", task="antonym", languages=("de",))
    publish(
        bob,
        "country-currency",
        summary="Names the currency of a country",
        task="knowledge",
        license="apache-2.0",
    )
    publish(bob, "undercover", summary="A private antonym module", private=True)


def names(response) -> list[str]:
    return [card.name for card in response.context["cards"]]


def test_newest_first(client, library):
    assert names(client.get("/modules/")) == ["country-currency", "antonym", "capitalize-word"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("antonym", ["antonym"]),
        ("anto", ["antonym"]),  # while somebody types
        ("ANTONYM", ["antonym"]),
        ("antonim", ["antonym"]),  # typos
        ("captialize", ["capitalize-word"]),
        ("curency", ["country-currency"]),
        ("currencies", ["country-currency"]),
        ("country currency", ["country-currency"]),
        ("bob", ["country-currency"]),
        ("letters", ["capitalize-word"]),
        ("äntonym", ["antonym"]),
        ("zzzzzz", []),
        ("!!! ' & | :* \\", []),
        ("' OR 1=1 --", []),
        ("zz\0zz", []),
        ("antonym " * 100, ["antonym"]),
    ],
)
def test_search(client, library, words, found):
    response = client.get("/modules/", {"search": words})
    assert response.status_code == 200
    assert names(response) == found


def test_the_name_counts_more_than_the_card(client, base_model, alice, publish, adapter):
    publish(alice, "about-cards", summary="x")
    (adapter / "README.md").write_text("# Nothing\n\nIt mentions the sentiment once.")
    publish(alice, "other")
    publish(alice, "sentiment")
    assert names(client.get("/modules/", {"search": "sentiment"}))[0] == "sentiment"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"task": "antonym"}, ["antonym"]),
        ({"task": ["antonym", "knowledge"]}, ["country-currency", "antonym"]),
        ({"language": "de"}, ["country-currency", "antonym", "capitalize-word"]),
        ({"license": "apache-2.0"}, ["country-currency"]),
        ({"license": "apache-2.0", "task": "antonym"}, []),
        ({"rank": "4", "type": "LORA", "tag": "letters"}, ["capitalize-word"]),
        ({"rank": "x"}, ["country-currency", "antonym", "capitalize-word"]),
        ({"author": "BOB"}, ["country-currency"]),
        ({"composable": "1", "search": "antonym"}, ["antonym"]),
        ({"base_model": "unknown/base"}, []),
        ({"sort": "name"}, ["antonym", "capitalize-word", "country-currency"]),
        ({"sort": "nonsense"}, ["country-currency", "antonym", "capitalize-word"]),
        ({"page": "99"}, ["country-currency", "antonym", "capitalize-word"]),
        ({"page": "x"}, ["country-currency", "antonym", "capitalize-word"]),
    ],
)
def test_filters(client, library, query, found):
    shown = names(client.get("/modules/", query))
    assert (shown if "search" not in query else sorted(shown)) == found


def test_most_downloaded(client, library):
    Module.objects.filter(name="antonym").update(downloads=5)
    assert names(client.get("/modules/?sort=downloads"))[0] == "antonym"


def test_facets_count_what_choosing_them_would_find(client, library):
    response = client.get("/modules/", {"task": "antonym"})
    facets = {row["facet"].key: row for row in response.context["facets"]}
    tasks = {link["value"].value: link for link in facets["task"]["values"]}
    assert {value: link["value"].count for value, link in tasks.items()} == {
        "antonym": 1,
        "capitalisation": 1,
        "knowledge": 1,
    }
    assert tasks["antonym"]["value"].chosen
    assert tasks["antonym"]["url"] == "?"
    assert [link["value"].value for link in facets["license"]["values"]] == ["mit"]
    for link in (*tasks.values(), *facets["license"]["values"]):
        shown = client.get(f"/modules/{link['url']}")
        assert shown.status_code == 200


def test_private_modules_are_seen_by_their_owner_alone(client, alice_client, bob_client, library):
    assert "undercover" not in names(client.get("/modules/"))
    assert "undercover" not in names(alice_client.get("/modules/?search=private"))
    response = bob_client.get("/modules/")
    assert "undercover" in names(response)
    tasks = client.get("/modules/").content.decode()
    assert "undercover" not in tasks


def test_htmx_gets_the_results_alone(client, library):
    response = client.get("/modules/?search=anto", headers={"HX-Request": "true", "HX-Target": "results"})
    assert b"<html" not in response.content
    assert b'id="results"' in response.content


def test_pages(client, base_model, alice, publish, settings):
    for number in range(26):
        publish(alice, f"m{number:02}")
    first, second = client.get("/modules/"), client.get("/modules/?page=2")
    assert (len(names(first)), len(names(second))) == (24, 2)
    assert not set(names(first)) & set(names(second))


def test_empty_hub(client, db):
    for path in ("/", "/modules/"):
        assert "No modules yet" in client.get(path).content.decode()


def test_compositions_show_their_threads(client, base_model, alice, publish):
    one, two = publish(alice, "one"), publish(alice, "two")
    publish(alice, "woven", parents=[(one, 0.8), (two, 0.3)])
    page = client.get("/modules/").content.decode()
    card = page[page.index('class="card ') : page.index("</li>", page.index('class="card '))]
    assert "composed" in card
    assert len(re.findall("<path", card)) == 2


def test_home_shows_newest_and_most_downloaded(client, library):
    Module.objects.filter(name="antonym").update(downloads=5)
    response = client.get("/")
    page = response.content.decode()
    assert "Compose from 5 examples" in page
    assert [card.name for card in response.context["popular"]] == ["antonym"]
    assert "undercover" not in page


def test_number_of_queries_does_not_grow(client, base_model, alice, publish, django_assert_max_num_queries):
    for number in range(12):
        publish(alice, f"word-{number}")
    with django_assert_max_num_queries(5):
        client.get("/modules/?search=word&task=x&task=")
    with django_assert_max_num_queries(4):
        client.get("/")


def test_of_many_modules_the_most_used_are_counted_and_ranked(
    client, alice, base_model, publish, monkeypatch
):
    from hub.registry import search
    from hub.registry.models import Module

    monkeypatch.setattr(search, "COUNTED", 3)
    monkeypatch.setattr(search, "RANKED", 2)
    for number in range(5):
        publish(alice, f"word-{number}")
        Module.objects.filter(name=f"word-{number}").update(downloads=number)
    page = client.get("/modules/").content.decode()
    assert "More than 3 modules" in page
    assert "Counted over the 3 most downloaded" in page
    found = client.get("/modules/?search=word").content.decode()
    assert [f"word-{n}" for n in range(5) if f"/alice/word-{n}" in found] == ["word-3", "word-4"]
    assert "More than" not in client.get("/modules/?search=word-4").content.decode()
