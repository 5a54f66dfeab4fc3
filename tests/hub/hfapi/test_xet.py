"""The upload half of Xet, from bytes written by hand: three kinds of chunks, and what is wrong with a shard."""

import hashlib
import struct

import lz4.frame
import pytest

from hub.hfapi.models import Upload
from hub.hfapi.xet import tokens
from hub.registry.models import Blob
from hub.registry.storage import check_blob
from tests.hub.hfapi.conftest import refused

REPO = "alice/pushed"
CHUNKS = [b"plain bytes", b"abcd" * 500 + b"xyz", bytes(range(256)) * 5 + b"1"]
DATA = b"".join(CHUNKS)
XORB = "1" * 64
ROW = struct.Struct("<32s4I")


def grouped(data: bytes) -> bytes:
    return b"".join(data[lane::4] for lane in range(4))


def chunk(data: bytes, scheme: int) -> bytes:
    body = {0: data, 1: lz4.frame.compress(data), 2: lz4.frame.compress(grouped(data))}[scheme]
    return b"\0" + len(body).to_bytes(3, "little") + bytes([scheme]) + len(data).to_bytes(3, "little") + body


XORB_BODY = b"".join(chunk(data, scheme) for scheme, data in enumerate(CHUNKS)) + b"XETBLOB and a footer"


def raw(text: str) -> bytes:
    return struct.pack("<4Q", *(int(text[i : i + 16], 16) for i in range(0, 64, 16)))


def shard(sha256: str = "", xorb: str = XORB, ranges: tuple[tuple[int, int, int], ...] = ()) -> bytes:
    ranges = ranges or ((0, 3, len(DATA)),)
    flags = 1 << 31 | 1 << 30
    found = b"HFRepoMetaData\0" + b"\x55" * 17 + struct.pack("<QQ", 2, 0)
    found += raw("2" * 64) + struct.pack("<IIQ", flags, len(ranges), 0)
    found += b"".join(ROW.pack(raw(xorb), 0, size, first, end) for first, end, size in ranges)
    found += bytes(48) * len(ranges)
    found += raw(sha256 or hashlib.sha256(DATA).hexdigest()) + bytes(16)
    return found + b"\xff" * 32 + bytes(16)


class Cas:
    """The address and the token of an upload."""

    def __init__(self, program, repo=REPO):
        answer = program.get(f"/api/models/{repo}/xet-write-token/main")
        self.url = answer.json()["casUrl"]
        assert answer["X-Xet-Cas-Url"] == self.url
        self.headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
        self.client = program.client

    def post(self, path, body):
        kind = "application/octet-stream"
        return self.client.post(f"{self.url}/{path}", body, content_type=kind, headers=self.headers)


@pytest.fixture
def cas(program):
    program.create()
    return Cas(program)


def test_a_file_is_put_together(cas, program):
    assert cas.post(f"v1/xorbs/default/{XORB}", XORB_BODY).json() == {"was_inserted": True}
    assert cas.post(f"v1/xorbs/default/{XORB}", XORB_BODY).json() == {"was_inserted": False}
    assert cas.post("v1/shards", shard()).json() == {"result": 1}
    blob = Upload.objects.get().blob
    assert blob.sha256 == hashlib.sha256(DATA).hexdigest()
    check_blob(blob)
    line = ("lfsFile", {"path": "notes.txt", "algo": "sha256", "oid": blob.sha256, "size": blob.size})
    assert program.commit(REPO, line).status_code == 200


def test_ranges_in_another_order(cas):
    cas.post(f"v1/xorbs/default/{XORB}", XORB_BODY)
    wanted = CHUNKS[2] + CHUNKS[0] + CHUNKS[1]
    ranges = ((2, 3, len(CHUNKS[2])), (0, 2, len(CHUNKS[0]) + len(CHUNKS[1])))
    body = shard(hashlib.sha256(wanted).hexdigest(), ranges=ranges)
    assert cas.post("v1/shards", body).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (shard(xorb="3" * 64), "unknown_xorb"),
        (shard(sha256="4" * 64), "wrong_sha256"),
        (shard(ranges=((0, 4, len(DATA)),)), "bad_shard"),
        (shard(ranges=((2, 1, len(DATA)),)), "bad_shard"),
        (shard(ranges=((0, 3, 5),)), "bad_shard"),
        (shard()[:-60], "bad_shard"),
        (b"nothing", "bad_shard"),
        (b"", "bad_shard"),
    ],
)
def test_shards_that_are_refused(cas, body, code):
    cas.post(f"v1/xorbs/default/{XORB}", XORB_BODY)
    refused(cas.post("v1/shards", body), 400, code)
    assert not Blob.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"XETBLOB", XORB_BODY[:30], b"\x01" + XORB_BODY[1:], b"\0\xff\xff\xff\0\x01\0\0"]
)
def test_xorbs_that_are_refused(cas, body):
    refused(cas.post(f"v1/xorbs/default/{XORB}", body), 400, "bad_xorb")


def test_a_chunk_that_unpacks_to_more_than_it_says(cas):
    body = lz4.frame.compress(b"\0" * 10_000_000)
    bomb = b"\0" + len(body).to_bytes(3, "little") + b"\x01" + (1000).to_bytes(3, "little") + body
    cas.post(f"v1/xorbs/default/{XORB}", bomb)
    refused(cas.post("v1/shards", shard(ranges=((0, 1, 1000),))), 400, "bad_xorb")


def test_what_is_not_offered_is_404(cas):
    assert cas.post(f"v1/xorb-grants/default/{XORB}", b"").status_code == 404
    assert cas.post("v2/shards", b"").status_code == 404
    assert cas.client.get(f"{cas.url}/v1/chunks/default/{XORB}", headers=cas.headers).status_code == 404


def test_tokens_of_others_and_of_last_week(cas, stranger, alice):
    stranger.create("own")
    theirs = Cas(stranger, "charlie/own")
    theirs.url = cas.url
    refused(theirs.post("v1/shards", shard()), 403, "forbidden")
    cas.headers = {}
    refused(cas.post("v1/shards", shard()), 401, "bad_token")


def test_only_this_week_and_the_last_one_are_kept(cas, settings, alice, program):
    old = settings.MEDIA_ROOT / "xet" / str(alice.pk) / "2020-01"
    old.mkdir(parents=True)
    (old / XORB).write_bytes(b"x")
    Cas(program)
    assert not old.exists()
    assert len(set(tokens.weeks())) == 2


def test_strangers_get_no_token(cas, stranger, visitor):
    address = f"/api/models/{REPO}/xet-write-token/main"
    refused(visitor.get(address), 401, "sign_in_needed")
    refused(stranger.get(address), 404, "unknown_module")
