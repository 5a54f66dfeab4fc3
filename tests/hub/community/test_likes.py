"""Likes on the site and over the API."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from hub.community import services
from hub.community.models import Like
from hub.registry.models import Module


def url(module: Module, page: str = "like") -> str:
    return reverse(f"community:{page}", args=[module.namespace.name, module.name])


def likes_of(module: Module) -> int:
    return Module.objects.get(pk=module.pk).likes


def test_a_like_counts_once_and_can_be_taken_back(bob_client: Any, module: Module) -> None:
    for _ in range(2):
        assert bob_client.post(url(module), {"like": "1"}).status_code == 302
    assert likes_of(module) == Like.objects.count() == 1
    page = bob_client.get(module.get_absolute_url()).content.decode()
    assert 'aria-pressed="true"' in page
    assert "1 like" in bob_client.get("/modules/").content.decode()
    for _ in range(2):
        bob_client.post(url(module), {"like": "0"})
    assert likes_of(module) == Like.objects.count() == 0


def test_htmx_gets_the_button_alone(bob_client: Any, module: Module) -> None:
    answer = bob_client.post(url(module), {"like": "1"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.content.decode().strip().startswith('<span class="like"')


def test_logged_out_is_asked_to_sign_in(client: Any, module: Module) -> None:
    answer = client.post(url(module), {"like": "1"})
    assert answer["Location"].startswith("/signin/")
    assert likes_of(module) == 0
    assert "/signin/?next=/alice/opposites" in client.get(module.get_absolute_url()).content.decode()


def test_get_changes_nothing(bob_client: Any, module: Module) -> None:
    assert bob_client.get(url(module)).status_code == 405
    assert likes_of(module) == 0


def test_a_stranger_cannot_like_a_private_module(
    charlie_client: Any, charlie_api: Any, private_module: Module
) -> None:
    assert charlie_client.post(url(private_module), {"like": "1"}).status_code == 404
    assert charlie_client.get(url(private_module, "likers")).status_code == 404
    assert charlie_api.put("/api/v1/modules/alice/secret/like/").status_code == 404
    assert likes_of(private_module) == 0


def test_what_a_person_likes_is_shown_as_far_as_the_visitor_sees_it(
    alice: Any, alice_client: Any, client: Any, module: Module, private_module: Module
) -> None:
    services.like(user=alice, module=module)
    services.like(user=alice, module=private_module)
    own, other = (who.get("/users/alice/likes").content.decode() for who in (alice_client, client))
    assert "/alice/opposites" in own
    assert "/alice/secret" in own
    assert "/alice/opposites" in other
    assert "secret" not in other
    assert client.get("/users/nobody/likes").status_code == 404


def test_who_likes_it(bob: Any, charlie: Any, client: Any, module: Module) -> None:
    services.like(user=bob, module=module)
    services.like(user=charlie, module=module)
    charlie.is_active = False
    charlie.save()
    page = client.get(url(module, "likers")).content.decode()
    assert "/bob" in page
    assert "/charlie" not in page


def test_over_the_api(bob_api: Any, api: Any, api_for: Any, bob: Any, module: Module) -> None:
    address = "/api/v1/modules/alice/opposites/like/"
    assert api.put(address).status_code == 401
    assert api_for(bob, "read").put(address).json()["code"] == "read_only_token"
    assert bob_api.put(address).json() == {"likes": 1, "liked": True}
    assert bob_api.get(address).json() == {"likes": 1, "liked": True}
    assert api.get(address).json() == {"likes": 1, "liked": False}
    assert api.get("/api/v1/modules/alice/opposites/likers/").json()["results"] == [{"user": "bob"}]
    liked = api.get("/api/v1/users/bob/likes/").json()["results"]
    assert liked == [{"module": "alice/opposites", "likes": 1}]
    assert bob_api.delete(address).json() == {"likes": 0, "liked": False}
    assert api.get("/api/v1/users/nobody/likes/").status_code == 404


def test_the_most_liked_come_first(bob: Any, alice: Any, publish: Any, client: Any, module: Module) -> None:
    publish(alice, "newer")
    services.like(user=bob, module=module)
    page = client.get("/modules/?sort=likes").content.decode()
    assert page.index("/alice/opposites") < page.index("/alice/newer")


def test_the_hugging_face_protocol_likes_and_unlikes(
    client: Any, bob: Any, api_for: Any, module: Module
) -> None:
    address = "/api/models/alice/opposites/like"
    assert client.post(address).status_code == 401
    bob_api = api_for(bob)
    assert bob_api.post(address).json() == {"likes": 1}
    assert client.get("/api/models/alice/opposites").json()["likes"] == 1
    assert [row["user"] for row in client.get("/api/models/alice/opposites/likers").json()] == ["bob"]
    assert client.get("/api/users/bob/likes").json()[0]["repo"]["name"] == "alice/opposites"
    assert bob_api.delete(address).json() == {"likes": 0}


@pytest.mark.django_db(transaction=True)
def test_two_at_once_count_each_other(
    alice: Any, bob: Any, charlie: Any, publish: Any, base_model: Any
) -> None:
    module = publish(alice).module

    def say(user: Any) -> None:
        services.like(user=user, module=Module.objects.get(pk=module.pk))
        connection.close()

    threads = [threading.Thread(target=say, args=[user]) for user in (alice, bob, charlie)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert likes_of(module) == 3
