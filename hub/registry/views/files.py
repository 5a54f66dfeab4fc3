"""GET and HEAD /{owner}/{name}/resolve/{revision}/{path}: the bytes of a file, whole or a range of them."""

import re
from collections.abc import Iterator
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
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.views.decorators.http import require_safe

from hub.accounts.tokens import BadToken, authenticate
from hub.registry.models import File, Module
from hub.registry.services import (
    RegistryError,
    count_download,
    find_file,
    find_module,
    find_revision,
    require_download,
)
from hub.registry.services.gates import GATED, access_path
from hub.registry.services.refs import is_renamed
from hub.registry.services.yank import yank_warning
from hub.registry.storage import FileCorrupt, check_blob, is_remote, open_blob, signed_url

CHUNK = 2**18
CHECKED_SIZE = 64 * 2**20  # bytes; larger files are checked for their size only
RANGE_RE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@require_safe
def resolve(request: HttpRequest, owner: str, name: str, revision: str, path: str) -> HttpResponseBase:
    """A file of a revision (`main`, `v2` or a commit). Tokens work here as in the API; strangers get 404."""
    token = _token_error(request)
    if token is not None:
        return token
    try:
        module = find_module(f"{owner}/{name}", request.user)
        if is_renamed(module, f"{owner}/{name}"):
            return _moved(module, revision, path)
        found = find_revision(module, revision)
        require_download(request.user, found.module)
        file = find_file(found, path)
        response = _answer(request, file)
    except RegistryError as error:
        response = _error(error.status, error.code, error.detail)
        if error.code == "unknown_file":
            response["X-Repo-Commit"] = found.commit
        elif error.code == GATED:
            response["X-Error-Code"] = "GatedRepo"
            response["X-Error-Message"] = error.detail
            response["Link"] = f'<{request.build_absolute_uri(access_path(found.module))}>; rel="help"'
    except FileCorrupt as error:
        response = _error(503, error.code, f"{error} Tell the hub's administrator.")
    return response


def _moved(module: Module, revision: str, path: str) -> HttpResponse:
    """To the module's present name. 307 and relative, which every Hugging Face client follows."""
    response = HttpResponse(status=307)
    response["Location"] = reverse("resolve", args=[module.namespace.name, module.name, revision, path])
    return response


def _answer(request: HttpRequest, file: File) -> HttpResponseBase:
    etag = f'"{file.blob.sha256}"'
    if etag in [
        part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")
    ]:
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        response = _content(request, file, etag)
    response["ETag"] = etag
    response["X-Repo-Commit"] = file.revision.commit
    if file.revision.yanked_at:
        response["X-HF-Warning"] = yank_warning(file.revision)
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-cache"
    return response


def _content(request: HttpRequest, file: File, etag: str) -> HttpResponseBase:
    size = file.blob.size
    if_range = request.headers.get("If-Range", etag)
    wanted = _range(request.headers.get("Range", ""), size) if if_range == etag else None
    if wanted == (0, 0):
        response: HttpResponseBase = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
        return response
    start, end = wanted or (0, size)
    if request.method == "GET" and settings.HUB_S3_REDIRECT and is_remote():
        if start == 0:
            count_download(file, user=request.user, address=request.META.get("REMOTE_ADDR", ""))
        response = HttpResponseRedirect(signed_url(file.blob, file.path.rpartition("/")[2]))
        response["X-Linked-Size"] = str(size)
        response["X-Linked-ETag"] = etag
        return response
    if request.method == "HEAD":
        open_blob(file.blob).close()
        response = HttpResponse()
    else:
        if size <= CHECKED_SIZE:
            check_blob(file.blob)
        stream = open_blob(file.blob)
        if start == 0:
            count_download(file, user=request.user, address=request.META.get("REMOTE_ADDR", ""))
        response = (
            FileResponse(stream) if wanted is None else StreamingHttpResponse(_part(stream, start, end))
        )
    if wanted:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    response["Content-Length"] = str(end - start)
    response["Content-Type"] = "application/octet-stream"
    last = file.path.rpartition("/")[2]
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


def _token_error(request: HttpRequest) -> JsonResponse | None:
    """Sign the request in by its Bearer token, if it has one; the answer to a bad token."""
    try:
        user = authenticate(request.headers.get("Authorization", ""))
    except BadToken as error:
        response = _error(401, error.code, str(error))
        response["WWW-Authenticate"] = "Bearer"
        return response
    if user is not None:
        request.user = user
    return None


def _error(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status)
