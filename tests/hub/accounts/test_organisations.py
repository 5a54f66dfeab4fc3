"""Organisations: made, joined, left; the last owner stays. In the browser, as services, and over the API."""

import pytest
from django.db import DatabaseError, transaction

from hub.accounts import organisations, policy
from hub.accounts.errors import AccountError
from hub.accounts.models import AuditEvent, Invitation, Membership, Namespace, Role

MEMBERS = "/organisations/weavers/members/"


@pytest.fixture
def weavers(alice):
    """alice's organisation."""
    return organisations.create_organisation(user=alice, name="weavers", title="The Weavers")


@pytest.fixture
def bob_joined(weavers, bob):
    """bob is a reader of weavers."""
    return Membership.objects.create(namespace=weavers, user=bob, role=Role.READER)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def test_made_in_the_browser(alice_client, alice):
    answer = alice_client.post("/organisations/new/", {"name": "weavers", "title": "The Weavers"})
    assert answer.url == MEMBERS
    made = Namespace.objects.get(name="weavers")
    assert (made.kind, policy.role_in(made, alice)) == ("organisation", "owner")
    assert "The Weavers" in alice_client.get("/weavers").content.decode()
    assert actions() == ["organisation.create"]


@pytest.mark.parametrize("name", ["alice", "ALICE", "api", "a b", "", "x--y", "x" * 97])
def test_a_bad_or_taken_name(alice_client, name):
    assert alice_client.post("/organisations/new/", {"name": name}).status_code == 400
    assert not Namespace.objects.filter(kind="organisation").exists()


def test_a_user_cannot_take_an_organisations_name(weavers, client):
    form = {"username": "Weavers", "password": "correct horse battery"}
    assert "is taken" in client.post("/signup/", form).content.decode()


def test_nobody_is_a_member_without_saying_yes(alice_client, bob_client, weavers, bob):
    alice_client.post(MEMBERS, {"username": "Bob", "role": "writer"})
    assert policy.role_in(weavers, bob) is None
    invitation = Invitation.objects.get()
    assert "asks you to join" in bob_client.get("/settings/organisations/").content.decode()
    bob_client.post(f"/settings/invitations/{invitation.pk}/", {"answer": "accept"})
    assert policy.role_in(weavers, bob) == "writer"
    assert not Invitation.objects.exists()
    assert actions() == ["organisation.create", "member.invite", "member.join"]


def test_declined_and_withdrawn(alice, bob_client, weavers, bob):
    first = organisations.invite(user=alice, organisation=weavers, username="bob", role="reader")
    bob_client.post(f"/settings/invitations/{first.pk}/", {"answer": "decline"})
    organisations.invite(user=alice, organisation=weavers, username="bob", role="reader")
    organisations.withdraw_invitation(user=alice, organisation=weavers, username="bob")
    assert policy.role_in(weavers, bob) is None
    assert not Invitation.objects.exists()


def test_an_invitation_is_answered_by_the_invited_alone(alice, charlie_client, weavers, bob):
    invitation = organisations.invite(user=alice, organisation=weavers, username="bob", role="reader")
    assert (
        charlie_client.post(f"/settings/invitations/{invitation.pk}/", {"answer": "accept"}).status_code
        == 404
    )


@pytest.mark.parametrize(
    ("username", "code"), [("nobody", "unknown_user"), ("bob", "already_member"), ("a\0b", "unknown_user")]
)
def test_who_can_be_invited(alice, weavers, bob_joined, username, code):
    with pytest.raises(AccountError) as error:
        organisations.invite(user=alice, organisation=weavers, username=username, role="reader")
    assert error.value.code == code


def test_roles_change_and_members_go(alice_client, weavers, bob, bob_joined):
    alice_client.post(f"{MEMBERS}bob/role/", {"role": "owner"})
    assert policy.role_in(weavers, bob) == "owner"
    alice_client.post(f"{MEMBERS}bob/remove/")
    assert policy.role_in(weavers, bob) is None
    assert actions()[-2:] == ["member.role", "member.remove"]


def test_the_last_owner_stays(alice_client, alice, weavers, bob_joined):
    for path, form in (("role/", {"role": "reader"}), ("remove/", {})):
        alice_client.post(f"{MEMBERS}alice/{path}", form)
        assert policy.role_in(weavers, alice) == "owner"
    assert "would have no owner" in alice_client.get(MEMBERS).content.decode()


def test_a_reader_manages_nothing_but_may_leave(bob_client, weavers, bob, bob_joined):
    page = bob_client.get(MEMBERS)
    assert page.status_code == 200
    assert "Invite" not in page.content.decode()
    for path in ("alice/remove/", "bob/role/"):
        assert bob_client.post(f"{MEMBERS}{path}", {"role": "owner"}).status_code == 404
    assert bob_client.get("/organisations/weavers/settings/").status_code == 404
    assert bob_client.post("/organisations/weavers/delete/", {"confirm": "weavers"}).status_code == 404
    bob_client.post(f"{MEMBERS}bob/remove/")
    assert policy.role_in(weavers, bob) is None


def test_strangers_and_visitors(charlie_client, client, weavers):
    assert charlie_client.get(MEMBERS).status_code == 404
    assert client.get(MEMBERS).url.startswith("/signin/")
    assert client.get("/weavers").status_code == 200


def test_deleted_and_never_given_again(alice_client, weavers, alice, client):
    alice_client.post("/organisations/weavers/delete/", {"confirm": "weaver"})
    assert client.get("/weavers").status_code == 200
    alice_client.post("/organisations/weavers/delete/", {"confirm": "weavers"})
    assert client.get("/weavers").status_code == 404
    with pytest.raises(AccountError, match="is taken"):
        organisations.create_organisation(user=alice, name="weavers")


@pytest.mark.parametrize("change", [lambda e: e.delete(), lambda e: e.save()])
def test_the_log_is_append_only_in_the_database_itself(weavers, change):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(AuditEvent.objects.get())
    assert actions() == ["organisation.create"]


API = "/api/v1/organisations/"


def test_the_same_over_the_api(alice_api, bob_api, bob):
    assert alice_api.post(API, {"name": "weavers"}).json()["role"] == "owner"
    assert alice_api.post(API, {"name": "Weavers"}).json()["code"] == "name_taken"
    assert alice_api.put(f"{API}weavers/members/bob/", {"role": "reader"}).status_code == 202
    [invitation] = bob_api.get("/api/v1/invitations/").json()["results"]
    assert bob_api.post(f"/api/v1/invitations/{invitation['id']}/", {"accept": True}).status_code == 204
    assert alice_api.put(f"{API}weavers/members/bob/", {"role": "writer"}).json()["role"] == "writer"
    members = bob_api.get(f"{API}weavers/members/").json()["results"]
    assert [(row["username"], row["role"]) for row in members] == [("alice", "owner"), ("bob", "writer")]
    assert bob_api.patch(f"{API}weavers/", {"title": "x"}).json()["code"] == "forbidden"
    assert alice_api.patch(f"{API}weavers/", {"title": "W"}).json()["title"] == "W"
    assert alice_api.delete(f"{API}weavers/members/alice/").json()["code"] == "last_owner"
    assert alice_api.delete(f"{API}weavers/members/bob/").status_code == 204
    assert alice_api.delete(f"{API}weavers/").status_code == 204
    assert alice_api.get(f"{API}weavers/").json()["code"] == "unknown_organisation"


def test_strangers_over_the_api(api, charlie_api, weavers):
    assert charlie_api.get(f"{API}weavers/").json()["role"] is None
    assert charlie_api.get(f"{API}weavers/members/").status_code == 403
    assert charlie_api.put(f"{API}weavers/members/charlie/", {"role": "owner"}).status_code == 403
    assert api.delete(f"{API}weavers/").status_code == 401
    assert charlie_api.get(f"{API}alice/").status_code == 404
