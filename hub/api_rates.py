"""How often one may ask the REST API: HUB_API_REQUESTS in five minutes, by user or, without one, by address.

Every answer says what is left, in the headers of an IETF draft (ratelimit-headers-10).
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from hub.hfapi import rates

WINDOW = "hub.api_window"  # in the request's META: the asker's window, once the request is counted
Handler = Callable[[HttpRequest], HttpResponseBase]


class Throttle(BaseThrottle):
    """Counts a request of somebody who may ask; `count_refused` counts the others."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.window = _count(request, f"user {request.user.pk}" if request.user.is_authenticated else "")
        return self.window.left >= 0

    def wait(self) -> float:
        return self.window.seconds


def count_refused(error: Exception, context: dict[str, Any]) -> Exception:
    """The error of a request that was refused before it was counted, by its address; Throttled if there were too many."""
    refused = (exceptions.NotAuthenticated, exceptions.AuthenticationFailed, exceptions.PermissionDenied)
    request: Request = context["request"]
    if not isinstance(error, refused) or WINDOW in request.META:
        return error
    window = _count(request, "")
    return exceptions.Throttled(window.seconds) if window.left < 0 else error


def rate_headers(get_response: Handler) -> Handler:
    """RateLimit and RateLimit-Policy on every answer of the REST API, Retry-After on a refusal."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        window: rates.Window | None = request.META.get(WINDOW)
        if window is not None:
            for name, value in window.headers(exceeded=window.left < 0).items():
                response[name] = value
        return response

    return middleware


def _count(request: Request, user: str) -> rates.Window:
    who = f"rest {user or request.META.get('REMOTE_ADDR', '')}"
    window = request.META[WINDOW] = rates.count(who, settings.API_REQUESTS)
    return window
