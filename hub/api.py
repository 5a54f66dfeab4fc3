"""What every REST endpoint shares: Bearer tokens and their scopes, error answers, pages.

Every error is `{"code": stable_snake_case, "detail": sentence}`; a form's also has `"fields"`: lists of
sentences by name.
Raise `ApiError("unknown_module", "There is no module alice/x.", status=404)` in a view,
or let REST framework's own errors pass.
"""

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, permissions, status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.models import AccessToken, User
from hub.accounts.tokens import BadToken
from hub.accounts.tokens import authenticate as authenticate_token

if TYPE_CHECKING:  # REST framework's views read this module's classes from the settings while they load
    from rest_framework.views import APIView


class ApiError(exceptions.APIException):
    """An error answer: a stable code, a sentence that says what to change, and fields if a form is wrong."""

    def __init__(
        self, code: str, detail: str, status: int = 400, fields: dict[str, list[str]] | None = None
    ) -> None:
        self.status_code = status
        self.code = code
        self.detail = exceptions.ErrorDetail(detail, code)
        self.fields = fields


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer hf_…`; a token that is unknown, revoked or past its end is 401."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        try:
            user = authenticate_token(get_authorization_header(request).decode("latin-1"))
        except BadToken as error:
            raise exceptions.AuthenticationFailed(str(error), error.code) from error
        return None if user is None or user.token is None else (user, user.token)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ScopePermission(permissions.BasePermission):
    """Anybody reads what is public; writing needs an account, and a token with the scope `write`.

    A fine-grained token writes only through views that say `grants_checked = True`: those whose services ask the policy about
    the very module or namespace that is written.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if request.method in permissions.SAFE_METHODS:
            return True
        if not request.user.is_authenticated:
            return False  # answered 401
        if isinstance(request.auth, AccessToken) and request.auth.is_fine_grained:
            _require_grants_checked(view)
        elif isinstance(request.auth, AccessToken) and not request.auth.can_write:
            raise ApiError(
                "read_only_token", "This token may only read. Create one with the scope “write”.", 403
            )
        return True


def _require_grants_checked(view: "APIView") -> None:
    if not getattr(view, "grants_checked", False):
        sentence = "This token is for single modules or namespaces; this needs one with the scope “write”."
        raise ApiError("fine_grained_token", sentence, 403)


class SignedIn(ScopePermission):
    """For endpoints that show nothing to a visitor without an account."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, AccessToken) and request.auth.is_fine_grained:
            _require_grants_checked(view)
        return bool(request.user.is_authenticated) and super().has_permission(request, view)


class MayAsk(permissions.BasePermission):
    """For questions that are too long for an address and so are POSTs: any account, and a token of any scope."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return bool(request.user.is_authenticated)


class SafeJSONParser(JSONParser):
    """JSON that is nested too deep, or holds NaN or half a character, is the sender's mistake: 400, never 500."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            parsed = super().parse(stream, media_type, parser_context)
            json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()  # 1e999, a lone surrogate
        except (RecursionError, ValueError) as error:  # a UnicodeError is a ValueError
            raise exceptions.ParseError(
                "The JSON is nested too deep, is not UTF-8 text, or holds a number without end."
            ) from error
        return parsed


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception raised in an API view; None for our own faults, which become a plain 500."""
    from rest_framework.views import exception_handler as rest_exception_handler

    from hub.api_rates import count_refused

    if isinstance(error, RequestDataTooBig):
        error = ApiError("too_large", "The request is too large.", 413)
    elif isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    error = count_refused(error, context)
    response = rest_exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    response.data = _body(error)
    return response


def _body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, ApiError):
        body: dict[str, Any] = {"code": error.code, "detail": str(error.detail)}
        return body | ({"fields": error.fields} if error.fields else {})
    if isinstance(error, exceptions.ValidationError):
        fields = _fields(error.detail)
        name, sentences = next(iter(fields.items()))
        detail = sentences[0] if name == "non_field_errors" else f"{name}: {sentences[0]}"
        return {"code": "invalid", "detail": detail, "fields": fields}
    return {"code": getattr(error.detail, "code", error.default_code), "detail": str(error.detail)}


def _fields(detail: Any, name: str = "non_field_errors") -> dict[str, list[str]]:
    """DRF's nested error detail as a flat `{"examples.3.output": [sentence]}`."""
    if isinstance(detail, dict):
        items = [(str(key), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        items = [(str(index), value) for index, value in enumerate(detail)]
    else:
        return {name: [str(part) for part in (detail if isinstance(detail, list) else [detail])]}
    found: dict[str, list[str]] = {}
    for key, value in items:
        if value:
            found |= _fields(value, key if name == "non_field_errors" else f"{name}.{key}")
    return found


@csrf_exempt  # or a program's POST would be answered with a page about forms
def not_found(request: HttpRequest) -> JsonResponse:
    """404 below /api/ for an address that does not exist."""
    body = {"code": "not_found", "detail": f"There is nothing at {request.path}."}
    return JsonResponse(body, status=status.HTTP_404_NOT_FOUND)
