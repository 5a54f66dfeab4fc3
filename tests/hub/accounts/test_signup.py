"""Making an account, in the browser and by the service behind it."""

import pytest

from hub.accounts import services
from hub.accounts.models import Namespace, User

GOOD = {"username": "dana", "email": "dana@example.org", "password": "seven calm otters"}


def test_signing_up_makes_a_user_with_a_namespace_and_signs_in(client, db):
    answer = client.post("/signup/", GOOD)
    assert (answer.status_code, answer.url) == (302, "/")
    user = User.objects.get(username="dana")
    assert user.namespace.name == "dana"
    assert user.namespace.kind == Namespace.Kind.USER
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_page_shows_every_field(client, db):
    page = client.get("/signup/").content.decode()
    assert all(f'name="{name}"' in page for name in GOOD)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"username": "Alice"}, "The name “Alice” is taken."),
        ({"username": "api"}, "“api” is reserved."),
        ({"username": "a/b"}, "Use 1 to 96 letters"),
        ({"username": "-dana"}, "Use 1 to 96 letters"),
        ({"username": "da--na"}, "are not allowed in a name"),
        ({"username": "dаna"}, "Use 1 to 96 letters"),  # the second letter is Cyrillic
        ({"username": ""}, "This field is required."),
        ({"password": "short"}, "This password is too short"),
        ({"password": "1234567890"}, "This password is"),
        ({"email": "nobody"}, "Enter a valid email address."),
    ],
)
def test_wrong_input_is_named_and_stores_nothing(client, alice, change, sentence):
    answer = client.post("/signup/", GOOD | change)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert User.objects.count() == 1
    assert Namespace.objects.count() == 1


def test_the_next_page_is_kept_and_is_never_another_host(client, db):
    assert client.post("/signup/", GOOD | {"next": "/compose/?module=a/b"}).url == "/compose/?module=a/b"
    client.logout()
    other = GOOD | {"username": "erin", "next": "https://evil.example/"}
    assert client.post("/signup/", other).url == "/"


def test_somebody_signed_in_is_sent_home(alice_client):
    assert alice_client.get("/signup/").url == "/"


def test_names_are_unique_whatever_their_case(alice):
    with pytest.raises(services.AccountError, match="taken") as caught:
        services.create_user("ALICE")
    assert caught.value.code == "name_taken"
    assert User.objects.count() == 1
