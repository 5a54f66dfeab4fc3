"""Dates, truth values, pages and warnings as the clients write and read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from hub.hfapi.errors import HubError


def date(value: datetime) -> str:
    """`2026-11-24T17:05:33.123Z`; the clients accept nothing without a fraction, or with an offset."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def is_true(value: object) -> bool:
    """`true` of huggingface_hub 1 and 2, `True` of 0.x, JSON's true."""
    return str(value).lower() in ("1", "true")


def asked(request: HttpRequest, name: str) -> list[str]:
    """A repeated parameter; some clients write `name[]`."""
    return request.GET.getlist(name) + request.GET.getlist(f"{name}[]")


def number(request: HttpRequest, name: str, default: int, most: int) -> int:
    """A whole number from 0 to `most`. Raises HubError bad_parameter."""
    text = request.GET.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise HubError("bad_parameter", f"{name} must be a whole number.")
    return min(int(text), most)


def page(request: HttpRequest, items: Sequence[Any], start: int, size: int) -> JsonResponse:
    """Up to `size` items; those of a longer list have a Link to the items from start + size on."""
    response = JsonResponse(items[:size], safe=False)
    if len(items) > size:
        query = [(key, value) for key, values in request.GET.lists() for value in values if key != "cursor"]
        address = f"{request.path}?{urlencode([*query, ('cursor', str(start + size))])}"
        response["Link"] = f'<{request.build_absolute_uri(address)}>; rel="next"'
    return response


def warn(response: HttpResponseBase, warning: str) -> None:
    """A line `topic; text` that the clients show once for each topic."""
    if warning:
        response["X-HF-Warning"] = warning
