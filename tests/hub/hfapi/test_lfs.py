"""Git LFS: basic, multipart, verify; truncated bodies and wrong hashes."""

import hashlib

import pytest

from hub.hfapi.models import Upload
from hub.registry.models import Blob
from tests.hub.hfapi.conftest import refused

REPO = "alice/pushed"
DATA = b"0123456789" * 100
OID = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def repo(program):
    program.create()


def action(answer):
    return answer.json()["objects"][0]["actions"]["upload"]


def test_basic(program, client):
    answer = program.batch(REPO, DATA)
    assert answer.json()["transfer"] == "basic"
    check = f"/{REPO}.git/info/lfs/verify"
    assert program.post(check, {"oid": OID, "size": len(DATA)}).status_code == 404
    href = action(answer)["href"]
    assert client.put(href, DATA, content_type="application/octet-stream").status_code == 200
    assert program.post(check, {"oid": OID, "size": len(DATA)}).status_code == 200
    assert program.post(check, {"oid": OID, "size": 3}).status_code == 404
    assert "actions" not in program.batch(REPO, DATA).json()["objects"][0]


@pytest.mark.parametrize("body", [DATA[:-1], DATA[:-1] + b"x", DATA + b"x", b""])
def test_other_bytes_are_refused(program, client, body):
    href = action(program.batch(REPO, DATA))["href"]
    answer = client.put(href, body, content_type="application/octet-stream")
    assert answer.status_code in (400, 413)
    assert not Blob.objects.exists()


def test_parts(program, client, settings):
    settings.LFS_PART = 300
    upload = action(program.batch(REPO, DATA))
    parts = {key: href for key, href in upload["header"].items() if key != "chunk_size"}
    assert list(parts) == ["00001", "00002", "00003", "00004"]
    refused(client.post(upload["href"], {}, content_type="application/json"), 400, "truncated")
    for number, href in enumerate(parts.values()):
        part = DATA[300 * number : 300 * (number + 1)]
        assert client.put(href, part[:-1], content_type="application/octet-stream").status_code == 400
        assert client.put(href, part, content_type="application/octet-stream")["ETag"]
    assert client.post(upload["href"], {}, content_type="application/json").status_code == 200
    assert Upload.objects.get().blob.sha256 == OID


def test_parts_of_other_bytes(program, client, settings):
    settings.LFS_PART = 600
    upload = action(program.batch(REPO, DATA))
    for number in (1, 2):
        body = b"x" * (600 if number == 1 else 400)
        href = upload["header"][f"{number:05d}"]
        assert client.put(href, body, content_type="application/octet-stream").status_code == 200
    answer = client.post(upload["href"], {}, content_type="application/json")
    refused(answer, 400, "wrong_sha256")
    assert not Blob.objects.exists()


def test_an_address_that_was_changed(program, client):
    href = action(program.batch(REPO, DATA))["href"]
    refused(client.put(href[:-1] + "x", DATA, content_type="application/octet-stream"), 403, "bad_ticket")


def test_too_large(program, settings):
    settings.HUB_UPLOAD_LIMIT = 100_000
    body = {"operation": "upload", "objects": [{"oid": OID, "size": 100_001}, {"oid": "x", "size": 1}]}
    found = program.post(f"/{REPO}.git/info/lfs/objects/batch", body).json()["objects"]
    assert [item["error"]["code"] for item in found] == [413, 422]


def test_a_full_disk(program, client, settings):
    href = action(program.batch(REPO, DATA))["href"]
    settings.HUB_DISK_FLOOR = 10**18
    refused(client.put(href, DATA, content_type="application/octet-stream"), 507, "storage_full")


def test_strangers(stranger, visitor):
    refused(visitor.batch(REPO, DATA), 401, "sign_in_needed")
    refused(stranger.batch(REPO, DATA), 404, "unknown_module")
