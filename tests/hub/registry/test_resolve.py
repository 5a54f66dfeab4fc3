"""GET and HEAD /{owner}/{name}/resolve/{revision}/{path}."""

import hashlib

import pytest
from django.core.files.storage import default_storage

from hub.registry.models import Blob, Module

WEIGHTS = "/alice/opposites/resolve/main/adapter_model.safetensors"


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def data(module, adapter) -> bytes:
    return (adapter / "adapter_model.safetensors").read_bytes()


def test_anybody_downloads_a_public_file(client, module, data):
    response = client.get(WEIGHTS)
    assert response.status_code == 200
    assert body(response) == data
    assert response["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert response["X-Repo-Commit"] == module.head.commit
    assert response["Content-Length"] == str(len(data))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in response["Content-Security-Policy"]


def test_head_has_the_headers_and_no_body(client, module, data):
    response = client.head(WEIGHTS)
    assert response.status_code == 200
    assert response.content == b""
    assert response["Content-Length"] == str(len(data))
    assert response["Accept-Ranges"] == "bytes"
    assert response["X-Repo-Commit"] == module.head.commit


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-7", 0, 8),
        ("bytes=8-", 8, None),
        ("bytes=-10", -10, None),
        ("bytes=5-999999", 5, None),
        ("bytes=0-0", 0, 1),
    ],
)
def test_ranges(client, data, header, start, end):
    response = client.get(WEIGHTS, headers={"Range": header})
    wanted = data[start:end]
    assert response.status_code == 206
    assert body(response) == wanted
    first = start if start >= 0 else len(data) + start
    assert response["Content-Range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(data)}"
    assert response["Content-Length"] == str(len(wanted))


@pytest.mark.parametrize("header", ["bytes=999999-", "bytes=-0"])
def test_range_past_the_end(client, data, header):
    response = client.get(WEIGHTS, headers={"Range": header})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=-", "bytes=0-1,3-4"])
def test_range_that_is_not_understood_gives_the_whole_file(client, data, header):
    assert body(client.get(WEIGHTS, headers={"Range": header})) == data


def test_not_modified(client, module, data):
    tag = client.head(WEIGHTS)["ETag"]
    response = client.get(WEIGHTS, headers={"If-None-Match": f"W/{tag}"})
    assert response.status_code == 304
    assert response["ETag"] == tag


def test_range_of_another_version_gives_the_whole_file(client, data):
    response = client.get(WEIGHTS, headers={"Range": "bytes=0-7", "If-Range": '"other"'})
    assert body(response) == data


def test_former_revisions_stay(client, module, publish, alice, adapter):
    first = module.head
    (adapter / "README.md").write_text("# New")
    publish(alice, create=False)
    new = body(client.get("/alice/opposites/resolve/main/README.md"))
    assert new == b"# New"
    for ref in (first.commit, first.commit[:8], "v1"):
        assert b"# Opposites" in body(client.get(f"/alice/opposites/resolve/{ref}/README.md"))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/alice/opposites/resolve/main/nothing.txt", "unknown_file"),
        ("/alice/opposites/resolve/main/../../secret_key", "unknown_file"),
        ("/alice/opposites/resolve/main/a%00b", "unknown_file"),
        ("/alice/opposites/resolve/0123456789/README.md", "unknown_revision"),
        ("/alice/opposites/resolve/v9/README.md", "unknown_revision"),
        ("/alice/nothing/resolve/main/README.md", "unknown_module"),
        ("/nobody/nothing/resolve/main/README.md", "unknown_module"),
        ("/ali%00ce/nothing/resolve/main/README.md", "unknown_module"),
    ],
)
def test_what_is_not_there(client, module, path, code):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json()["code"] == code


def test_a_missing_file_names_the_commit(client, module):
    assert client.head("/alice/opposites/resolve/main/config.json")["X-Repo-Commit"] == module.head.commit


@pytest.mark.parametrize("who", ["client", "charlie_client"])
def test_strangers_get_404_for_private_files(request, private_module, who):
    client = request.getfixturevalue(who)
    response = client.get("/alice/secret/resolve/main/README.md")
    assert response.status_code == 404
    assert response.json()["code"] == "unknown_module"
    assert "X-Repo-Commit" not in response


def test_the_owner_reads_private_files_by_session_and_by_token(private_module, alice_client, alice_api):
    for client in (alice_client, alice_api):
        assert b"# Opposites" in body(client.get("/alice/secret/resolve/main/README.md"))


def test_bad_token_is_401(client, module):
    response = client.get(WEIGHTS, headers={"Authorization": "Bearer hf_wrong"})
    assert response.status_code == 401
    assert response.json()["code"] == "bad_token"


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_file_is_never_delivered(client, module, damage):
    blob = Blob.objects.get(files__path="adapter_model.safetensors")
    path = default_storage.path(blob.storage_name)
    with open(path, "r+b") as file:
        if damage == "flip":
            file.seek(100)
            file.write(b"\xff")
        else:
            file.truncate(10)
    if damage == "remove":
        default_storage.delete(blob.storage_name)
    response = client.get(WEIGHTS)
    assert response.status_code == 503
    assert response.json()["code"] == "file_corrupt"


def test_downloads_are_counted_by_the_rule(client, alice_client, bob_client, module):
    def count_after(*responses) -> int:
        for response in responses:
            body(response)
        return Module.objects.get(pk=module.pk).downloads

    assert count_after(client.head(WEIGHTS)) == 0
    assert count_after(client.get("/alice/opposites/resolve/main/README.md")) == 0
    assert count_after(client.get(WEIGHTS, headers={"Range": "bytes=8-"})) == 0
    assert count_after(alice_client.get(WEIGHTS)) == 0
    assert count_after(client.get(WEIGHTS), client.get(WEIGHTS)) == 1
    assert count_after(bob_client.get(WEIGHTS, headers={"Range": "bytes=0-7"})) == 2


def test_only_reading_is_allowed(alice_client, module):
    assert alice_client.post(WEIGHTS).status_code == 405
