"""Git LFS: where to send the bytes of large files, in one piece (basic) or in parts (multipart), and the check after it.

The targets are asked without a token, so their addresses are signed and end after a day.
"""

import hashlib
import math
import re
from pathlib import Path
from shutil import rmtree
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse

from hub.accounts.models import User
from hub.hfapi import uploads
from hub.hfapi.bodies import CHUNK, hashed, json_body, receive, staging_folder
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.repos import find_own
from hub.registry.models import Module

SALT = "hub.hfapi.lfs"
SECONDS = 86_400
TYPE = "application/vnd.git-lfs+json"
OID_RE = re.compile(r"[0-9a-f]{64}")
MAX_OBJECTS = 1000


@endpoint("POST")
def batch(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    """For every object an address to send it to, nothing if it is there, or an error of its own."""
    module, user = find_own(request, kind, f"{owner}/{name}")
    body = json_body(request)
    objects, transfers = body.get("objects"), body.get("transfers") or ["basic"]
    if body.get("operation") != "upload" or not isinstance(objects, list) or len(objects) > MAX_OBJECTS:
        raise HubError("bad_json", "Only uploads are asked for here; files are downloaded from resolve/.")
    in_parts = "multipart" in transfers and any(
        isinstance(item, dict) and type(item.get("size")) is int and item["size"] > settings.LFS_PART
        for item in objects
    )
    items = [_object(request, module, user, item, in_parts) for item in objects]
    answer = {"transfer": "multipart" if in_parts else "basic", "objects": items, "hash_algo": "sha256"}
    return JsonResponse(answer, content_type=TYPE)


@endpoint("PUT", signed=True)
def put(request: HttpRequest, ticket: str) -> HttpResponse:
    """The bytes of one object."""
    user, oid, size = _ticket(ticket)
    with staging_folder() as folder:
        got = receive(request, folder / "body", most=size)
        _require_whole(got, size)
        uploads.keep(user, hashed(folder / "body"), oid)
    return HttpResponse()


@endpoint("PUT", signed=True)
def put_part(request: HttpRequest, ticket: str, number: int) -> HttpResponse:
    """One part. Its ETag is a hash of what arrived."""
    user, oid, size = _ticket(ticket)
    if not 1 <= number <= _parts(size):
        raise HubError("bad_parameter", f"There are parts 1 to {_parts(size)}.")
    wanted = min(settings.LFS_PART, size - (number - 1) * settings.LFS_PART)
    target = _folder(user, oid) / f"{number:05d}"
    with staging_folder() as folder:
        got = receive(request, folder / "part", most=wanted)
        _require_whole(got, wanted)
        with (folder / "part").open("rb") as stream:
            etag = hashlib.file_digest(stream, "md5").hexdigest()
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / "part").replace(target)
    response = HttpResponse()
    response["ETag"] = f'"{etag}"'
    return response


@endpoint("POST", signed=True)
def complete(request: HttpRequest, ticket: str) -> JsonResponse:
    """All parts are there: put them together."""
    user, oid, size = _ticket(ticket)
    json_body(request)
    parts = _folder(user, oid)
    with staging_folder() as folder:
        whole = folder / "whole"
        with whole.open("wb") as target:
            for number in range(1, _parts(size) + 1):
                try:
                    with (parts / f"{number:05d}").open("rb") as part:
                        while data := part.read(CHUNK):
                            target.write(data)
                except FileNotFoundError as error:
                    raise HubError("truncated", f"Part {number} has not been sent.") from error
        try:
            uploads.keep(user, hashed(whole), oid)
        finally:
            rmtree(parts, ignore_errors=True)
    return JsonResponse({"success": True})


@endpoint("POST")
def verify(request: HttpRequest, kind: str, owner: str, name: str) -> HttpResponse:
    """Has the object arrived whole?"""
    module, user = find_own(request, kind, f"{owner}/{name}")
    body = json_body(request)
    oid = str(body.get("oid") or "")
    blob = uploads.find(user, module, oid) if OID_RE.fullmatch(oid) else None
    if blob is None or blob.size != body.get("size"):
        raise HubError("unknown_oid", "The bytes have not arrived, or not all of them.", status=404)
    return HttpResponse()


def _object(request: HttpRequest, module: Module, user: User, item: Any, in_parts: bool) -> dict[str, Any]:
    oid = item.get("oid") if isinstance(item, dict) else None
    size = item.get("size") if isinstance(item, dict) else None
    if not isinstance(oid, str) or not OID_RE.fullmatch(oid) or type(size) is not int or size < 0:
        return {
            "oid": str(oid),
            "size": 0,
            "error": {"code": 422, "message": "An object has a sha256 and a size."},
        }
    found: dict[str, Any] = {"oid": oid, "size": size, "authenticated": True}
    try:
        uploads.require_size(size)
    except HubError as error:
        return found | {"error": {"code": error.status, "message": error.detail}}
    if uploads.find(user, module, oid) is not None:
        return found
    ticket = signing.dumps([user.pk, oid, size], salt=SALT)
    root = request.build_absolute_uri("/api/lfs")
    check = {"href": request.build_absolute_uri(f"/{module.full_name}.git/info/lfs/verify")}
    if not in_parts or size <= settings.LFS_PART:
        return found | {"actions": {"upload": {"href": f"{root}/{ticket}"}, "verify": check}}
    header = {f"{n:05d}": f"{root}/{ticket}/{n}" for n in range(1, _parts(size) + 1)}
    upload = {"href": f"{root}/{ticket}/complete", "header": {"chunk_size": str(settings.LFS_PART), **header}}
    return found | {"actions": {"upload": upload, "verify": check}}


def _ticket(ticket: str) -> tuple[User, str, int]:
    """(user, oid, size) of a signed address. Raises HubError bad_ticket (403)."""
    try:
        pk, oid, size = signing.loads(ticket, salt=SALT, max_age=SECONDS)
        return User.objects.get(pk=pk, is_active=True), oid, size
    except (signing.BadSignature, User.DoesNotExist) as error:
        raise HubError(
            "bad_ticket", "This upload address has ended. Ask for a new one.", status=403
        ) from error


def _parts(size: int) -> int:
    return max(1, math.ceil(size / settings.LFS_PART))


def _folder(user: User, oid: str) -> Path:
    return Path(settings.MEDIA_ROOT) / "parts" / f"{user.pk}-{oid}"


def _require_whole(got: int, wanted: int) -> None:
    if got != wanted:
        raise HubError("truncated", f"{got:,} of {wanted:,} bytes arrived. Send them again.")
