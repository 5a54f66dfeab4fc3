"""POST commit/{rev}: one JSON object a line, read one after another. Files are decoded to disk as they come."""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from composer.errors import AdapterError
from composer.file_names import check_file_name
from hub.accounts.models import User
from hub.hfapi import uploads
from hub.hfapi.bodies import Received, body_stream, hashed, json_object, staging_folder
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.preupload import refuse_pull_request
from hub.hfapi.repos import find_own
from hub.registry.models import Blob, Module
from hub.registry.services import Changes, commit_changes

MAX_LINE = 16 * 2**20  # bytes: a file of 12 MB in base64; larger ones travel before the commit
MAX_LINES = 2000
SHA256 = 64  # hex digits


@dataclass
class Request:
    """What the lines say. received: path -> bytes on disk; named: path -> sha256 of bytes that were sent before."""

    summary: str = ""
    description: str = ""
    parent: str = ""
    received: dict[str, Received] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@endpoint("POST")
def commit(request: HttpRequest, kind: str, owner: str, name: str, rev: str) -> JsonResponse:
    module, user = find_own(request, kind, f"{owner}/{name}")
    refuse_pull_request(request)
    with staging_folder() as folder:
        wanted = _read(request, folder)
        added = {path: _sent(user, module, path, sha256) for path, sha256 in wanted.named.items()}
        added |= {path: received.keep() for path, received in wanted.received.items()}
        revision = commit_changes(
            user=user,
            module=module,
            changes=Changes(added, wanted.removed),
            branch=rev.removeprefix("refs/heads/"),
            message=wanted.summary,
            description=wanted.description,
            parent=wanted.parent,
        )
    address = request.build_absolute_uri(f"/{module.full_name}/commit/{revision.commit}")
    body = {"success": True, "commitUrl": address, "commitOid": revision.commit, "hookOutput": ""}
    return JsonResponse(body)


def _read(request: HttpRequest, folder: Path) -> Request:
    wanted = Request()
    total = 0
    for number, line in enumerate(_lines(request), start=1):
        total += len(line)
        if total > settings.HUB_UPLOAD_LIMIT:
            raise HubError("too_large", "The commit is larger than this hub takes.", status=413)
        key, value = _line(line, number)
        if key == "header":
            wanted.summary = _text(value, "summary")
            wanted.description = _text(value, "description")
            wanted.parent = _text(value, "parentCommit").lower()
        elif key == "file":
            path = _path(value)
            wanted.received[path] = _decoded(value, folder / str(number), path)
            wanted.named.pop(path, None)
        elif key == "lfsFile":
            path = _path(value)
            wanted.named[path] = _oid(value)
            wanted.received.pop(path, None)
        elif key == "deletedFile":
            wanted.removed.append(_text(value, "path"))
        elif key == "deletedFolder":
            wanted.removed.append(_text(value, "path").rstrip("/") + "/")
        else:
            raise HubError("bad_json", f"Line {number} of the commit has the unknown key {ascii(key)[:40]}.")
    return wanted


def _lines(request: HttpRequest) -> Iterator[bytes]:
    stream = body_stream(request)
    for _ in range(MAX_LINES):
        try:
            line = stream.readline(MAX_LINE + 1)
        except OSError as error:  # the sender has gone
            raise HubError("truncated", "The commit ended early. Send it again.") from error
        if not line:
            return
        if len(line) > MAX_LINE:
            raise HubError(
                "too_large",
                f"A line of the commit is longer than {MAX_LINE >> 20} MB: send the file with LFS.",
                status=413,
            )
        if line.strip():
            yield line
    raise HubError("too_large", f"A commit has at most {MAX_LINES} lines.", status=413)


def _line(line: bytes, number: int) -> tuple[str, dict[str, Any]]:
    if len(line) < 2**20:
        value = json_object(line, f"Line {number} of the commit")
    else:  # the strict reader is for small texts; a file's base64 has no structure to abuse
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise HubError("bad_json", f"Line {number} of the commit is not JSON.") from error
    if not isinstance(value, dict) or not isinstance(value.get("value"), dict):
        raise HubError("bad_json", f"Line {number} of the commit has no key and value.")
    return str(value.get("key")), value["value"]


def _decoded(value: dict[str, Any], target: Path, path: str) -> Received:
    content, encoding = value.get("content"), value.get("encoding", "utf-8")
    if not isinstance(content, str) or encoding not in ("base64", "utf-8"):
        raise HubError("bad_json", f"The content of {path} is neither base64 nor utf-8 text.")
    try:
        data = base64.b64decode(content, validate=True) if encoding == "base64" else content.encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise HubError("bad_json", f"The content of {path} is not {encoding}.") from error
    target.write_bytes(data)
    return hashed(target)


def _sent(user: User, module: Module, path: str, sha256: str) -> Blob:
    blob = uploads.find(user, module, sha256)
    if blob is None:
        raise HubError("unknown_oid", f"The bytes of {path}, sha256 {sha256}, have not been uploaded.")
    return blob


def _path(value: dict[str, Any]) -> str:
    path = _text(value, "path")
    try:
        check_file_name(path)
    except AdapterError as error:
        raise HubError(error.code, str(error)) from error
    return path


def _oid(value: dict[str, Any]) -> str:
    oid = _text(value, "oid").lower()
    if (
        value.get("algo", "sha256") != "sha256"
        or len(oid) != SHA256
        or not set(oid) <= set("0123456789abcdef")
    ):
        raise HubError("bad_json", "An lfsFile is named by its sha256.")
    return oid


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    return text if isinstance(text, str) else ""
