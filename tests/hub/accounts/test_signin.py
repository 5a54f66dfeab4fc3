"""Signing in and out."""

from tests.conftest import PASSWORD


def test_the_right_password_signs_in(client, alice):
    answer = client.post("/signin/", {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.url) == (302, "/")


def test_a_wrong_password_does_not(client, alice):
    answer = client.post("/signin/", {"username": "alice", "password": "wrong"})
    assert "do not go together" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_unknown_name_is_told_the_same(client, db):
    answer = client.post("/signin/", {"username": "nobody", "password": PASSWORD})
    assert "do not go together" in answer.content.decode()


def test_next_leads_back_and_never_to_another_host(client, alice):
    form = {"username": "alice", "password": PASSWORD}
    assert client.post("/signin/", form | {"next": "/settings/tokens/"}).url == "/settings/tokens/"
    client.logout()
    assert client.post("/signin/", form | {"next": "//evil.example/"}).url == "/"


def test_signing_out_needs_a_post(alice_client):
    assert alice_client.get("/signout/").status_code == 405
    assert alice_client.post("/signout/").url == "/"
    assert "_auth_user_id" not in alice_client.session


def test_pages_forbid_inline_code_and_other_hosts(client, db):
    answer = client.get("/signin/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    page = answer.content.decode()
    assert " style=" not in page
    assert "<script>" not in page
    assert 'src="http' not in page
