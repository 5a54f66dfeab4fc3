"""Blobs in S3: moto's server, a process of its own, speaks the protocol; boto3 and django-storages are the real ones."""

import hashlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from hub.registry.models import Blob
from hub.registry.services import materialize
from hub.registry.services.garbage import collect_garbage

WEIGHTS = "/alice/opposites/resolve/main/adapter_model.safetensors"
BUCKET = "modules"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                break
            except (OSError, urllib.error.URLError):
                assert server.poll() is None, "the S3 server did not start"
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def bucket(s3, settings, monkeypatch) -> Iterator[object]:
    """The hub keeps its files in a fresh bucket, below the folder hub/."""
    from hub.settings import file_storage

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "HUB_S3_ENDPOINT": s3,
        "HUB_S3_REGION": "us-east-1",
        "HUB_S3_PREFIX": "hub",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.resource("s3", endpoint_url=s3, region_name="us-east-1")
    bucket = client.create_bucket(Bucket=BUCKET)
    settings.STORAGES = settings.STORAGES | {"default": file_storage(BUCKET)}
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def keys(bucket) -> set[str]:
    return {item.key.rpartition("/")[2] for item in bucket.objects.all()}


def test_published_to_s3_and_fetched_by_a_signed_address(bucket, module, client):
    assert {item.key.split("/")[:2][1] for item in bucket.objects.all()} == {"blobs"}
    blob = module.head.files.get(path="adapter_model.safetensors").blob
    answer = client.get(WEIGHTS)
    assert answer.status_code == 302
    assert answer.headers["X-Linked-Size"] == str(blob.size)
    assert answer.headers["ETag"] == f'"{blob.sha256}"'
    with urllib.request.urlopen(answer.url, timeout=30) as response:
        assert hashlib.sha256(response.read()).hexdigest() == blob.sha256
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert "adapter_model.safetensors" in response.headers["Content-Disposition"]
    assert "X-Amz-Signature=" in answer.url
    head = client.head(WEIGHTS)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(blob.size))


def test_strangers_get_no_signed_address(bucket, private_module, charlie_client):
    answer = charlie_client.get("/alice/secret/resolve/main/adapter_model.safetensors")
    assert answer.status_code == 404


def test_through_the_hub_if_so_set(bucket, module, client, settings):
    settings.HUB_S3_REDIRECT = False
    answer = client.get(WEIGHTS)
    assert answer.status_code == 200
    blob = module.head.files.get(path="adapter_model.safetensors").blob
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == blob.sha256


def test_a_worker_gets_the_files(bucket, module):
    folder = materialize(module.head)
    assert {path.name for path in folder.iterdir()} == set(module.head.files.values_list("path", flat=True))


def test_the_same_bytes_are_kept_once(bucket, module, alice, publish):
    before = keys(bucket)
    publish(alice, "again")
    assert keys(bucket) == before


def test_a_lost_file_is_an_error_not_a_wrong_answer(bucket, module, client):
    blob = module.head.files.get(path="adapter_model.safetensors").blob
    default_storage.delete(blob.storage_name)
    answer = client.get(WEIGHTS)
    assert (answer.status_code, answer.json()["code"]) == (503, "file_corrupt")
    with pytest.raises(CommandError, match="1 stored files"):
        call_command("check_integrity")


def test_garbage_in_a_bucket(bucket, module):
    orphan = module.head.files.get(path="README.md").blob
    module.head.files.filter(blob=orphan).delete()
    Blob.objects.update(stored_at=timezone.now() - timedelta(days=2))
    stray = f"hub/blobs/ab/cd/abcd{60 * '0'}"
    bucket.put_object(Key=stray, Body=b"from a crash")
    assert collect_garbage().strays == 0
    time.sleep(1.1)  # S3's clock has whole seconds
    done = collect_garbage(grace=timedelta(0))
    assert (done.blobs, done.strays) == (0, 1)
    assert orphan.sha256 not in keys(bucket)
