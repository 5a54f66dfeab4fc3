"""The same POST twice with one Idempotency-Key."""

import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from hub.accounts import idempotency
from hub.accounts.models import AccessToken, IdempotencyKey, Namespace
from hub.registry.models import Module, Revision
from tests.hub.registry.conftest import adapter, base_model, module, publish  # noqa: F401 (fixtures)

ORGANISATIONS = "/api/v1/organisations/"
KEY = {"Idempotency-Key": "one"}


def _make(client, name="words", key="one"):
    return client.post(ORGANISATIONS, {"name": name}, headers={"Idempotency-Key": key})


def test_the_second_answer_is_the_first(alice_api):
    first, second = _make(alice_api), _make(alice_api)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert _make(alice_api, key="two").status_code == 409  # the name is taken


def test_another_request_with_the_key_is_refused(alice_api, api_for, alice):
    _make(alice_api)
    for answer in (_make(alice_api, name="others"), _make(api_for(alice))):  # another body; another token
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert not Namespace.objects.filter(name="others").exists()


def test_keys_are_everybodys_own(alice_api, bob_api):
    assert _make(alice_api).status_code == _make(bob_api, name="others").status_code == 201


def test_after_an_error_the_key_is_free(alice_api):
    assert _make(alice_api, name="?").status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert _make(alice_api).status_code == 201


def test_a_tokens_text_is_not_kept(alice_api):
    first = alice_api.post("/api/v1/tokens/", {"name": "x"}, headers=KEY)
    count = AccessToken.objects.count()
    second = alice_api.post("/api/v1/tokens/", {"name": "x"}, headers=KEY)
    assert first.json()["token"].startswith("hf_")
    assert (second.status_code, second.json()["code"]) == (409, "secret_not_kept")
    assert AccessToken.objects.count() == count
    assert IdempotencyKey.objects.get().body is None


def test_uploads_are_told_apart_by_their_bytes(alice_api, adapter, base_model):  # noqa: F811
    def send(name="words", text=""):
        card = adapter / "README.md"
        card.write_text(card.read_text() + text)
        files = [SimpleUploadedFile(path.name, path.read_bytes()) for path in sorted(adapter.iterdir())]
        return alice_api.post(
            "/api/v1/modules/", {"name": name, "files": files}, format="multipart", headers=KEY
        )

    first, second = send(), send()
    assert (first.status_code, second.status_code) == (201, 201), first.json()
    assert first.json() == second.json()
    assert second.headers["Location"] == first.headers["Location"]
    assert Revision.objects.count() == 1
    assert send(text="more").json()["code"] == "idempotency_conflict"


def test_a_move(alice_api, module):  # noqa: F811
    address = f"/api/v1/modules/{module.full_name}/move/"
    first, second = (alice_api.post(address, {"to": "new"}, headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert Module.objects.get().name == "new"


@pytest.mark.parametrize("key", ["x" * 201, "a\tb"])
def test_a_key_that_is_none(alice_api, key):
    answer = _make(alice_api, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")


def test_a_visitor_with_a_key_is_a_visitor(api):
    assert _make(api).status_code == 401
    assert not IdempotencyKey.objects.exists()


def test_after_a_day_keys_are_forgotten(alice_api):
    _make(alice_api)
    assert idempotency.clean_up() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert _make(alice_api, name="others").status_code == 201  # not yet cleaned up, but too old
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotency.clean_up() == 1


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_the_same_time_one_is_done(alice_api):
    done = []
    gate = threading.Barrier(4)

    def ask():
        gate.wait()
        try:
            done.append(_make(alice_api).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [201] * 4
    assert Namespace.objects.filter(name="words").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_that_takes_too_long_is_not_waited_for(alice, alice_api, monkeypatch):
    monkeypatch.setattr(idempotency, "WAIT", 1)
    held, release = threading.Event(), threading.Event()

    def act():
        held.set()
        release.wait(20)
        return idempotency.Answer(200, {})

    def first():
        try:
            idempotency.once(user=alice, key="one", request_hash="x", act=act)
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    try:
        answer = _make(alice_api)
    finally:
        release.set()
        thread.join()
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
