"""The upload page, as a browser without JavaScript uses it."""

import pytest

from hub.registry.models import Module
from tests.hub.registry.conftest import upload_form


def test_upload(alice_client, base_model, adapter):
    response = alice_client.post(
        "/upload/",
        upload_form(
            adapter, summary="Opposites", tags="a, b ,a", prompt_template="Q: {input}\r\nA: {output}"
        ),
    )
    assert response.status_code == 302
    assert response.url == "/alice/opposites"
    module = Module.objects.get()
    assert (module.summary, module.tags, module.license) == ("Opposites", ["a", "b"], "mit")
    assert module.prompt_template == "Q: {input}\nA: {output}"
    assert "is published" in alice_client.get(response.url).content.decode()


def test_private_upload(alice_client, client, base_model, adapter):
    alice_client.post("/upload/", upload_form(adapter, private="on"))
    assert Module.objects.get().is_private
    assert client.get("/alice/opposites").status_code == 404


def test_every_problem_is_shown_and_what_was_typed_is_kept(alice_client, base_model, adapter):
    (adapter / "weights.pkl").write_bytes(b"\x80\x04")
    response = alice_client.post(
        "/upload/", upload_form(adapter, name="bad name", summary="My words", languages="??")
    )
    page = response.content.decode()
    assert response.status_code == 400
    for text in (
        "Nothing was published",
        "weights.pkl may be a pickle",
        "is not a language code",
        'value="My words"',
    ):
        assert text in page
    assert Module.objects.count() == 0


def test_no_files(alice_client, base_model):
    response = alice_client.post("/upload/", {"name": "x"})
    assert response.status_code == 400
    assert "Choose the files of an adapter" in response.content.decode()


def test_two_folders_at_once(alice_client, base_model, adapter):
    form = upload_form(adapter)
    form["files"] += upload_form(adapter)["files"]
    response = alice_client.post("/upload/", form)
    assert response.status_code == 400
    assert "sent 2 times" in response.content.decode()


def test_a_taken_name_is_409(alice_client, module, adapter):
    response = alice_client.post("/upload/", upload_form(adapter))
    assert response.status_code == 409
    assert "is taken" in response.content.decode()


def test_logged_out(client, base_model, adapter):
    for response in (client.get("/upload/"), client.post("/upload/", upload_form(adapter))):
        assert response.status_code == 302
        assert response.url.startswith("/signin/")
    assert Module.objects.count() == 0


def test_new_revision(alice_client, module, adapter):
    page = alice_client.get("/alice/opposites/new-revision").content.decode()
    assert 'value="mit"' in page
    (adapter / "README.md").write_text("# Second")
    form = upload_form(adapter, message="Better", summary="Now better", license="mit")
    response = alice_client.post("/alice/opposites/new-revision", form)
    assert response.status_code == 302
    module.refresh_from_db()
    assert (module.head.number, module.head.message, module.summary) == (2, "Better", "Now better")


@pytest.mark.parametrize("who", ["charlie_client", "client"])
def test_new_revision_by_others(request, who, module, adapter):
    response = request.getfixturevalue(who).post("/alice/opposites/new-revision", upload_form(adapter))
    assert response.status_code == (302 if who == "client" else 404)
    assert module.revisions.count() == 1
