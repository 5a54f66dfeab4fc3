"""The browser login of `hf auth login`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hub.accounts.models import AccessToken
from hub.hfapi.models import DeviceLogin

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def started(client, db):
    return client.post("/oauth/device", {"client_id": "x"}, headers={"User-Agent": "hf_hub/2.4.0"}).json()


def poll(client, started):
    DeviceLogin.objects.update(polled_at=None)  # some seconds pass
    body = {"grant_type": GRANT, "device_code": started["device_code"], "client_id": "x"}
    return client.post("/oauth/token", body)


def page(started):
    return started["verification_uri_complete"].removeprefix("http://testserver")


def test_confirmed_in_the_browser(client, alice_client, alice, started):
    assert poll(client, started).json() == {"error": "authorization_pending"}
    shown = alice_client.get(page(started)).content.decode()
    assert started["user_code"] in shown
    assert "hf_hub/2.4.0" in shown
    assert poll(client, started).json() == {"error": "authorization_pending"}  # looking is not confirming
    answer = alice_client.post("/oauth/confirm", {"code": started["user_code"], "answer": "yes"})
    assert answer.status_code == 302
    found = poll(client, started).json()
    assert found["expires_in"] > 30 * 86_400
    me = client.get("/api/whoami-v2", headers={"Authorization": f"Bearer {found['access_token']}"}).json()
    assert me["name"] == "alice"
    assert me["auth"]["accessToken"]["role"] == "write"
    assert poll(client, started).json() == {"error": "expired_token"}  # one token for one code
    assert AccessToken.objects.count() == 1


def test_only_to_read(client, alice_client, started):
    alice_client.post("/oauth/confirm", {"code": started["user_code"], "answer": "yes", "scope": "read"})
    assert poll(client, started).json()["scope"] == "read"


def test_refused(client, alice_client, started):
    alice_client.post("/oauth/confirm", {"code": started["user_code"], "answer": "no"})
    answer = poll(client, started)
    assert (answer.status_code, answer.json()) == (400, {"error": "access_denied"})
    assert not AccessToken.objects.exists()


def test_too_late(client, alice_client, started):
    DeviceLogin.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert alice_client.get(page(started)).status_code == 404
    assert poll(client, started).json() == {"error": "expired_token"}


def test_too_often(client, started):
    body = {"grant_type": GRANT, "device_code": started["device_code"]}
    errors = [client.post("/oauth/token", body).json()["error"] for _ in range(2)]
    assert errors == ["authorization_pending", "slow_down"]


def test_wrong_requests(client, db, alice_client):
    assert client.post("/oauth/token", {"grant_type": "password"}).json() == {
        "error": "unsupported_grant_type"
    }
    body = {"grant_type": GRANT, "device_code": "x"}
    assert client.post("/oauth/token", body).json() == {"error": "expired_token"}
    assert alice_client.get("/oauth/confirm?code=XXXX-XXXX").status_code == 404
    assert alice_client.get("/oauth/confirm").status_code == 200


def test_a_visitor_signs_in_first(client, started):
    assert client.get(page(started))["Location"].startswith("/signin/?next=")
    client.post("/oauth/confirm", {"code": started["user_code"], "answer": "yes"})
    assert DeviceLogin.objects.get().status == "waiting"
