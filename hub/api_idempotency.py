"""`@idempotent` on the POST of a view that makes something: the header Idempotency-Key is honoured."""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from hub.accounts import idempotency
from hub.accounts.idempotency import Answer, KeyRefused
from hub.accounts.models import User
from hub.api import ApiError

LONGEST = 200  # characters of a key
Post = Callable[..., Response]


def idempotent(*, secret: bool = False) -> Callable[[Post], Post]:
    """secret: the answer holds one, so it is not kept, and a repeated request is refused (secret_not_kept)."""

    def decorate(post: Post) -> Post:
        @functools.wraps(post)
        def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = key_of(request)
            if key is None or not isinstance(request.user, User):
                return post(view, request, *args, **kwargs)

            def act() -> Answer:
                made = post(view, request, *args, **kwargs)
                body = json.loads(json.dumps(made.data, cls=JSONEncoder))
                return Answer(made.status_code, body, made.headers.get("Location", ""))

            try:
                answer, repeated = idempotency.once(
                    user=request.user, key=key, request_hash=_hash(request), act=act, secret=secret
                )
            except KeyRefused as error:
                raise ApiError(error.code, str(error), error.status) from error
            headers = {"Location": answer.location} if answer.location else {}
            headers |= {"Idempotency-Replayed": "true"} if repeated else {}
            return Response(answer.body, status=answer.status, headers=headers)

        wrapped.is_idempotent = True  # type: ignore[attr-defined]  # read by hub.api_schema
        return wrapped

    return decorate


def key_of(request: Request) -> str | None:
    """Raises ApiError bad_idempotency_key."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > LONGEST or not key.isprintable():
        raise ApiError(
            "bad_idempotency_key", f"The Idempotency-Key has at most {LONGEST} printable characters."
        )
    return key or None


def _hash(request: Request) -> str:
    """sha256 (hex) of all that is asked for, files included; the same for the same form whatever its boundary."""
    token = getattr(request.auth, "pk", None)
    digest = hashlib.sha256(json.dumps([request.method, request.get_full_path(), token]).encode())
    data: Any = request.data
    values: Any = data
    files: list[tuple[str, UploadedFile]] = []
    if isinstance(data, QueryDict):
        values = {name: [one for one in data.getlist(name) if isinstance(one, str)] for name in data}
        files = [(name, file) for name in sorted(request.FILES) for file in request.FILES.getlist(name)]
    digest.update(json.dumps(values, sort_keys=True).encode())
    for name, file in files:
        digest.update(json.dumps([name, file.name, file.size]).encode())
        digest.update(_hash_of(file))
    return digest.hexdigest()


def _hash_of(file: UploadedFile) -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()
