"""What every REST endpoint shares, seen through endpoints of our own: tokens, scopes, error answers."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub import api as hub_api
from hub.accounts import services


class ThingSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=3)
    parts = serializers.ListField(child=serializers.IntegerField(), required=False)


class Things(APIView):
    def get(self, request: Request) -> Response:
        match request.query_params.get("fail"):
            case "code":
                raise hub_api.ApiError("unknown_thing", "There is no such thing.", 404)
            case "missing":
                raise Http404
            case "denied":
                raise PermissionDenied
        return Response({"user": request.user.username})

    def post(self, request: Request) -> Response:
        form = ThingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data, status=201)


urlpatterns = [path("api/v1/things/", Things.as_view()), path("", include("hub.urls"))]
pytestmark = [pytest.mark.urls("tests.hub.test_api"), pytest.mark.django_db]
THINGS = "/api/v1/things/"


def test_a_token_says_who_is_asking(alice_api, api):
    assert alice_api.get(THINGS).json() == {"user": "alice"}
    assert api.get(THINGS).json() == {"user": ""}


def test_a_session_works_too(alice_client):
    assert alice_client.get(THINGS).json() == {"user": "alice"}


@pytest.mark.parametrize("header", ["Bearer hf_nonsense", "Bearer ", "bearer x y", "Bearer \u00e9"])
def test_a_bad_token_is_refused_even_for_reading(api, header):
    api.credentials(HTTP_AUTHORIZATION=header.encode("latin-1").decode("latin-1"))
    answer = api.get(THINGS)
    assert answer.status_code == 401
    assert answer.json()["code"] == "bad_token"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_writing_needs_an_account_and_a_token_that_may_write(api, api_for, alice):
    assert api.post(THINGS, {"name": "x"}).status_code == 401
    assert api.post(THINGS, {"name": "x"}).json()["code"] == "not_authenticated"
    refused = api_for(alice, scope="read").post(THINGS, {"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "read_only_token")
    assert api_for(alice).post(THINGS, {"name": "x"}).status_code == 201


def test_a_revoked_token_is_refused(api, alice):
    token, plaintext = services.create_token(user=alice, name="x", scope="write")
    services.revoke_token(user=alice, token_id=token.pk)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {plaintext}")
    assert api.get(THINGS).status_code == 401


def test_field_errors_are_named_however_deep(alice_api):
    answer = alice_api.post(THINGS, {"name": "long name", "parts": [1, "x"]}, format="json")
    body = answer.json()
    assert answer.status_code == 400
    assert body["code"] == "invalid"
    assert body["fields"]["name"] == ["Ensure this field has no more than 3 characters."]
    assert body["fields"]["parts.1"] == ["A valid integer is required."]
    assert body["detail"].startswith("name: ")


def test_broken_json_is_a_clear_400(alice_api):
    answer = alice_api.post(THINGS, b'{"name": ', content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": 1e999}',
        b"\x00",
    ],
)
def test_hostile_json_is_a_400(alice_api, body):
    answer = alice_api.post(THINGS, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("parse_error", "invalid")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("code", 404, "unknown_thing"),
        ("missing", 404, "not_found"),
        ("denied", 403, "permission_denied"),
    ],
)
def test_errors_have_a_code_and_a_sentence(alice_api, how, status, code):
    answer = alice_api.get(f"{THINGS}?fail={how}")
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["detail"].endswith(".")


def test_other_methods_and_unknown_addresses_answer_json(alice_api):
    assert alice_api.delete(THINGS).json()["code"] == "method_not_allowed"
    for address in ("/api/v1/nothing", "/api/nothing/"):
        answer = alice_api.get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_unknown_address_answers_json_to_a_browsers_post_too(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/api/v1/nothing/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_body_over_the_limit_is_refused_before_it_is_read(alice_api, settings):
    settings.HUB_UPLOAD_LIMIT = 1_000_000
    answer = alice_api.post(THINGS, {"name": "x"}, headers={"Content-Length": "1000001"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_json_body_over_the_memory_limit_is_413(alice_api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = alice_api.post(THINGS, {"name": "x" * 2000}, format="json")
    assert answer.status_code in (400, 413)
    assert answer.json()["code"] in ("invalid", "too_large")
