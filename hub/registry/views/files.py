"""The bytes of a file, whole or a range of them, with the headers that let a client keep and continue them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote

from django.conf import settings
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    HttpResponseRedirect,
    StreamingHttpResponse,
)

from hub.registry.models import File
from hub.registry.services import count_download, require_download
from hub.registry.storage import check_blob, is_remote, open_blob, signed_url

CHUNK = 2**18
CHECKED_SIZE = 64 * 2**20  # bytes; larger files are checked for their size only
RANGE_RE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that can be sent. open: gives them as a stream, checked; began: called when a download begins."""

    name: str
    size: int
    sha256: str
    commit: str
    open: Callable[[], IO[bytes]]
    began: Callable[[], object] = lambda: None
    address: Callable[[], str] | None = (
        None  # where else the bytes can be fetched, without asking this process
    )


def stored(file: File, request: HttpRequest) -> Stored:
    """A file of a revision, whose downloads are counted. Raises RegistryError gated (403)."""
    require_download(request.user, file.revision.module)

    def opened() -> IO[bytes]:
        if file.blob.size <= CHECKED_SIZE:
            check_blob(file.blob)
        return open_blob(file.blob)

    def began() -> None:
        count_download(file, user=request.user, address=request.META.get("REMOTE_ADDR", ""))

    def address() -> str:
        return signed_url(file.blob, file.path.rpartition("/")[2])

    away = address if settings.HUB_S3_REDIRECT and is_remote() else None
    return Stored(file.path, file.blob.size, file.blob.sha256, file.revision.commit, opened, began, away)


def answer(request: HttpRequest, file: Stored) -> HttpResponseBase:
    """The answer to a GET or HEAD for the file. HEAD reads nothing of it. Raises FileCorrupt."""
    etag = f'"{file.sha256}"'
    if etag in [
        part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")
    ]:
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        response = _content(request, file, etag)
    response["ETag"] = etag
    response["X-Repo-Commit"] = file.commit
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-cache"
    return response


def _content(request: HttpRequest, file: Stored, etag: str) -> HttpResponseBase:
    size = file.size
    if_range = request.headers.get("If-Range", etag)
    wanted = _range(request.headers.get("Range", ""), size) if if_range == etag else None
    if wanted == (0, 0):
        response: HttpResponseBase = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
        return response
    start, end = wanted or (0, size)
    if request.method == "GET" and file.address is not None:
        if start == 0:
            file.began()
        response = HttpResponseRedirect(file.address())
        response["X-Linked-Size"] = str(size)
        response["X-Linked-ETag"] = etag
        return response
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        stream = file.open()
        if start == 0:
            file.began()
        response = (
            FileResponse(stream) if wanted is None else StreamingHttpResponse(_part(stream, start, end))
        )
    if wanted:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response["Content-Length"] = str(end - start)
    response["Content-Type"] = "application/octet-stream"
    last = file.name.rpartition("/")[2]
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(last)}"
    return response


def _range(header: str, size: int) -> tuple[int, int] | None:
    """(start, end) of one byte range; None for no range or one that is not understood; (0, 0) for one past the end."""
    match = RANGE_RE.fullmatch(header.strip())
    if not match or match[0] == "bytes=-":
        return None
    if not match[1]:  # the last n bytes
        length = min(int(match[2]), size)
        return (size - length, size) if length else (0, 0)
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    return (start, end) if start < size else (0, 0)


def _part(stream: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    with stream:
        stream.seek(start)
        left = end - start
        while left and (data := stream.read(min(CHUNK, left))):
            left -= len(data)
            yield data
