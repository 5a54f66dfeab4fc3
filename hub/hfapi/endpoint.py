"""What every address of the protocol shares: methods, who asks, errors, the request's id, and how often one may ask."""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from hub.hfapi import rates
from hub.hfapi.errors import Moved, answer, error_response
from hub.hfapi.identity import token_user
from hub.registry.services import RegistryError
from hub.registry.storage import FileCorrupt

View = Callable[..., HttpResponseBase]


def endpoint(*methods: str, session: bool = False, signed: bool = False) -> Callable[[View], View]:
    """A view of the protocol. GET answers HEAD too.

    session: a signed-in browser counts as well as a token. signed: the address or a token of its own says who may ask.
    """
    allowed = {*methods, "HEAD"} if "GET" in methods else {*methods}

    def decorate(view: View) -> View:
        @csrf_exempt  # by token only; a session counts for reading files alone
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in allowed:
                return HttpResponseNotAllowed(sorted(allowed))
            response = _answer(view, request, args, kwargs, session=session, signed=signed)
            trace = request.headers.get("X-Amzn-Trace-Id", "")
            response["X-Request-Id"] = (
                trace if trace.isprintable() and 0 < len(trace) < 100 else str(uuid.uuid4())
            )
            return response

        return wrapped

    return decorate


def _answer(
    view: View, request: HttpRequest, args: Any, kwargs: Any, *, session: bool, signed: bool
) -> HttpResponseBase:
    window = None
    try:
        user = None if signed else token_user(request)
        if user is not None:
            request.user = user
        elif not session:
            request.user = AnonymousUser()
        who = (
            f"user {request.user.pk}"
            if request.user.is_authenticated
            else request.META.get("REMOTE_ADDR", "")
        )
        window = rates.count(who)
        window.check()
        response = view(request, *args, **kwargs)
    except Moved as moved:
        response = HttpResponse(status=307)
        response["Location"] = moved.address(request)
    except RegistryError as error:
        response = error_response(error)
    except FileCorrupt as error:
        response = answer(503, error.code, f"{error} Tell the hub's administrator.")
    if request.method == "HEAD" and isinstance(response, HttpResponse) and response.content:
        length = str(len(response.content))
        response.content = b""
        response["Content-Length"] = length
    if window is not None:
        for name, value in window.headers(exceeded=response.status_code == 429).items():
            response[name] = value
    return response
