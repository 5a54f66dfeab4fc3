"""Request bodies: small ones as JSON, large ones to disk, hashed on the way. Nothing large is held in memory."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest

from composer.errors import AdapterError
from composer.strict_json import parse_json
from hub.hfapi.errors import HubError
from hub.registry.models import Blob
from hub.registry.storage import StagedFile, file_hashes, store

CHUNK = 2**20
MAX_JSON = 2_000_000  # bytes


@dataclass(slots=True)
class Received:
    """Bytes on disk in the staging folder; hashes in hex. git_sha1 is git's blob id."""

    path: Path
    size: int
    sha256: str
    git_sha1: str

    def keep(self) -> Blob:
        """The blob of these bytes; the file is gone afterwards."""
        return store(StagedFile(self.path.name, self.path, self.sha256, self.git_sha1, self.size))


def body_stream(request: HttpRequest) -> IO[bytes]:
    """The body as a stream that ends where the body ends.

    Django reads nothing of a body that is sent in chunks; the server (gunicorn) tells where it ends.
    """
    environ = request.META
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked" and not environ.get("CONTENT_LENGTH"):
        if not environ.get("wsgi.input_terminated"):
            raise HubError("length_required", "Send the body with a Content-Length.", status=411)
        stream: IO[bytes] = environ["wsgi.input"]
        return stream
    return request  # type: ignore[return-value]  # has read() and readline()


def json_body(request: HttpRequest, most: int = MAX_JSON) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty one. Raises HubError bad_json, too_large."""
    raw = body_stream(request).read(most + 1)
    if len(raw) > most:
        raise HubError("too_large", f"The request is larger than {most:,} bytes.", status=413)
    if not raw.strip():
        return {}
    return json_object(raw, "The body")


def json_object(raw: bytes, name: str) -> dict[str, Any]:
    """Raises HubError bad_json."""
    try:
        value = parse_json(raw, name)
    except AdapterError as error:
        raise HubError(error.code, str(error)) from error
    if not isinstance(value, dict):
        raise HubError("bad_json", f"{name} is not a JSON object.")
    return value


@contextmanager
def staging_folder() -> Iterator[Path]:
    """A folder for what is being received; removed at the end with all that is left in it."""
    root = Path(settings.MEDIA_ROOT) / "staging"
    root.mkdir(parents=True, exist_ok=True)
    require_space(root, 0)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_space(folder: Path, size: int) -> None:
    """Raises HubError storage_full (507) if `size` more bytes would leave less than the floor of the disk free."""
    if shutil.disk_usage(folder).free - size < settings.HUB_DISK_FLOOR:
        raise HubError("storage_full", "The hub's disk is full. Nothing was stored.", status=507)


def receive(request: HttpRequest, target: Path, *, most: int) -> int:
    """Write the body to `target`; its size. Raises HubError too_large (413), truncated (400), storage_full (507)."""
    declared = request.META.get("CONTENT_LENGTH") or ""
    length = int(declared) if declared.isdecimal() else None
    if length is not None:
        _require_small(length, most)
        require_space(target.parent, length)
    stream, size = body_stream(request), 0
    with target.open("wb") as file:
        while data := _read(stream):
            size += len(data)
            _require_small(size, most)
            file.write(data)
        file.flush()
    if length is not None and size != length:
        raise HubError("truncated", f"The body ended after {size:,} of {length:,} bytes. Send it again.")
    return size


def hashed(path: Path) -> Received:
    """The file with its size and hashes, synced to disk."""
    sha256, git_sha1 = file_hashes(path)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    return Received(path, path.stat().st_size, sha256, git_sha1)


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(CHUNK)
    except OSError as error:  # the sender has gone; Django's UnreadablePostError is one
        raise HubError("truncated", "The body ended early. Send it again.") from error


def _require_small(size: int, most: int) -> None:
    if size > most:
        raise HubError("too_large", f"The file is larger than {most / 1e6:,.0f} MB.", status=413)
