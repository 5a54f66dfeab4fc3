"""Gated modules: the card for everybody, the files for those who were let in."""

import pytest

from hub.accounts.models import AuditEvent
from hub.jobs.errors import JobRefused
from hub.jobs.preflight import ComposeRequest, check_request
from hub.registry.models import AccessRequest, Module
from hub.registry.services import RegistryError, candidates_for, request_access, set_gate

FILE = "/alice/opposites/resolve/main/adapter_config.json"
ASK = "/alice/opposites/access/request"
ACCESS = "/alice/opposites/access"


@pytest.fixture
def manual(module, alice):
    """alice/opposites, gated: alice decides."""
    set_gate(user=alice, module=module, gate="manual", text="Say what for.")
    return module


def test_everybody_reads_about_it_and_nobody_gets_the_files(client, charlie_client, manual):
    for visitor in (client, charlie_client):
        page = visitor.get("/alice/opposites").content.decode()
        assert "gated" in page
        assert "Request access" in page
        assert "Compose with this" not in page
        assert "gated" in visitor.get("/modules/").content.decode()
        refused = visitor.get(FILE)
        assert (refused.status_code, refused.json()["code"]) == (403, "gated")
        assert refused.headers["X-Error-Code"] == "GatedRepo"
        assert ASK in refused.headers["Link"]


def test_owners_and_members_need_no_key(alice_client, manual):
    assert alice_client.head(FILE).status_code == 200


def test_asked_let_in_and_taken_away(charlie_client, alice_client, charlie, manual):
    assert "Say what for." in charlie_client.get(ASK).content.decode()
    charlie_client.post(ASK, {"message": "A study"})
    assert "waits" in charlie_client.get(ASK).content.decode()
    assert charlie_client.head(FILE).status_code == 403
    assert "A study" in alice_client.get(ACCESS).content.decode()
    alice_client.post(f"{ACCESS}/charlie", {"status": "granted"})
    assert charlie_client.head(FILE).status_code == 200
    assert "Compose with this" in charlie_client.get("/alice/opposites").content.decode()
    alice_client.post(f"{ACCESS}/charlie", {"status": "revoked"})
    assert charlie_client.head(FILE).status_code == 403
    assert "was revoked" in charlie_client.get(ASK).content.decode()
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-4:] == ["module.gate", "access.request", "access.grant", "access.revoke"]


def test_denied_is_denied(charlie_client, alice_client, charlie, manual):
    charlie_client.post(ASK, {})
    alice_client.post(f"{ACCESS}/charlie", {"status": "denied"})
    charlie_client.post(ASK, {"message": "please"})
    assert AccessRequest.objects.get().status == "denied"
    assert charlie_client.head(FILE).status_code == 403


def test_an_automatic_gate_lets_in_whoever_asks(charlie_client, alice, charlie, module):
    set_gate(user=alice, module=module, gate="auto", text="")
    charlie_client.post(ASK, {})
    assert charlie_client.head(FILE).status_code == 200


def test_only_owners_decide(charlie_client, bob_client, client, manual):
    charlie_client.post(ASK, {})
    for stranger in (charlie_client, bob_client):
        assert stranger.get(ACCESS).status_code == 404
        assert stranger.post(f"{ACCESS}/charlie", {"status": "granted"}).status_code == 404
    assert client.get(ACCESS).url.startswith("/signin/")
    assert client.get(ASK).url.startswith("/signin/")
    assert AccessRequest.objects.get().status == "pending"


def test_a_private_module_has_no_request_page(charlie_client, private_module, alice):
    set_gate(user=alice, module=private_module, gate="manual", text="")
    assert charlie_client.get("/alice/secret/access/request").status_code == 404
    assert charlie_client.head("/alice/secret/resolve/main/adapter_config.json").status_code == 404


def test_composing_is_for_the_granted(charlie, bob, alice_client, manual, examples, base_model):
    request = ComposeRequest(base_model=base_model.model_id, modules=["alice/opposites"], examples=examples)
    with pytest.raises(JobRefused) as refused:
        check_request(charlie, request)
    assert refused.value.code == "gated"
    assert candidates_for(base_model, charlie, examples) == []
    alice_client.post(f"{ACCESS}/charlie", {"status": "granted"})
    assert len(check_request(charlie, request).revisions) == 1
    assert len(candidates_for(base_model, charlie, examples)) == 1
    assert list(Module.objects.downloadable_by(charlie)) == [manual]
    assert not Module.objects.downloadable_by(bob).exists()


@pytest.fixture
def examples():
    from composer.examples import Example

    return [Example(input="hot", output="cold"), Example(input="up", output="down")]


@pytest.mark.parametrize("form", [{"gate": "open sesame"}, {"gate": "auto", "gate_text": "x" * 2001}])
def test_wrong_input_sets_no_gate(alice_client, module, form):
    assert alice_client.post(ACCESS, form).status_code == 400
    module.refresh_from_db()
    assert module.gate == ""


def test_asking_for_what_is_open(bob, module):
    with pytest.raises(RegistryError) as error:
        request_access(user=bob, module=module)
    assert error.value.code == "not_gated"


API = "/api/v1/modules/alice/opposites/"


def test_the_same_over_the_api(alice_api, charlie_api, api_for, charlie, api, module):
    assert charlie_api.patch(API, {"gate": "manual"}).status_code == 403
    assert alice_api.patch(API, {"gate": "sesame"}).status_code == 400
    assert alice_api.patch(API, {"gate": "manual"}).json()["gate"] == "manual"
    requests = f"{API}access-requests/"
    assert charlie_api.post(requests, {"message": "A study"}).json()["status"] == "pending"
    assert charlie_api.get(requests).status_code == 403
    assert api.get(requests).status_code == 401
    assert api.post(requests).status_code == 401
    [row] = alice_api.get(f"{requests}?status=pending").json()["results"]
    assert (row["user"], row["message"]) == ("charlie", "A study")
    assert charlie_api.put(f"{requests}charlie/", {"status": "granted"}).status_code == 403
    assert alice_api.put(f"{requests}nobody/", {"status": "granted"}).status_code == 404
    assert alice_api.put(f"{requests}charlie/", {"status": "granted"}).json()["status"] == "granted"
    assert api_for(charlie, scope="read").head(FILE).status_code == 200


def test_an_export_holds_the_weights_too(charlie_client, alice_client, client, manual):
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from hub.exports.models import Export

    stored_as = default_storage.save("exports/x", ContentFile(b"weights"))
    made = Export.objects.create(
        revision=manual.head, format=Export.Format.values[0], status=Export.Status.READY, stored_as=stored_as
    )
    base = f"/alice/opposites/exports/{manual.head.commit}/"
    for visitor in (client, charlie_client):
        assert visitor.get(f"{base}{made.format}/download").status_code == 403
        assert base not in visitor.get("/alice/opposites").content.decode()
    assert charlie_client.post(f"{base}start", {"format": made.format}).status_code == 403
    answer = alice_client.get(f"{base}{made.format}/download")
    assert b"".join(answer.streaming_content) == b"weights"
