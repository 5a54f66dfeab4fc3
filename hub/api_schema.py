"""What drf-spectacular cannot read from the views: errors, idempotency keys, meanings of path parts, examples."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from hub.api_examples import PARAMETERS, example

ERROR = {"$ref": "#/components/schemas/Error"}
ALWAYS = ("400", "401", "403", "404", "406", "429")
WITH_BODY = ("409", "413", "415")
ERRORS = {
    "400": ("The request is wrong; `fields` says where.", "invalid", "name: This field is required."),
    "401": (
        "No account, or a token that is unknown, revoked or expired.",
        "bad_token",
        "This token is unknown, revoked or expired.",
    ),
    "403": (
        "The account or the token may not do this.",
        "read_only_token",
        "This token may only read. Create one with the scope “write”.",
    ),
    "404": ("It is not there, or not yours to see.", "unknown_module", "There is no module alice/x."),
    "406": (
        "Only JSON is spoken here.",
        "not_acceptable",
        "Could not satisfy the request Accept header.",
    ),
    "409": ("It does not go with what is there.", "name_taken", "alice/x exists already."),
    "413": ("The body is too large.", "too_large", "The request is larger than 500 MB."),
    "415": ("The body's type is not spoken here.", "unsupported_media_type", "Unsupported media type."),
    "429": ("Too many requests; wait.", "throttled", "Request was throttled."),
    "503": ("A stored file is damaged.", "file_corrupt", "A stored file is damaged."),
}
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 200, "pattern": "^[ -~]*$"},
    OpenApiParameter.HEADER,
    description="Up to 200 printable characters of your choice: for a day, the same request with the same key is done once "
    "and answered alike.",
)
RETRY_AFTER = {
    "description": "Seconds to wait.",
    "schema": {"type": "integer", "minimum": 1},
}


class HubSchema(AutoSchema):
    """Visitors may read wherever the permission class lets them."""

    def get_auth(self) -> list[dict[str, Any]]:
        from hub.api import ScopePermission

        auths: list[dict[str, Any]] = super().get_auth()
        visitors = {ScopePermission} == {type(permission) for permission in self.view.get_permissions()}
        return [*auths, {}] if visitors and self.method in SAFE_METHODS and {} not in auths else auths

    def get_override_parameters(self) -> list[Any]:
        handler = getattr(self.view, self.method.lower(), None)
        found = list(super().get_override_parameters())
        return [*found, KEY] if getattr(handler, "is_idempotent", False) else found


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A hook of drf-spectacular: the last hand on the schema."""
    for path, item in result["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                _complete(operation, method, path, result)
    return result


def _complete(operation: dict[str, Any], method: str, path: str, schema: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if not parameter.get("description"):
            parameter["description"] = PARAMETERS[parameter["name"]]
    responses = operation["responses"]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        media.setdefault("example", example(media["schema"], schema))
    for response in responses.values():
        for media in response.get("content", {}).values():
            if media.get("schema"):
                media.setdefault("example", example(media["schema"], schema))
    if path.endswith("/schema/"):
        return
    for status in (*ALWAYS, *(WITH_BODY if method in ("post", "put", "patch") else ()), *sorted(responses)):
        if status in ERRORS:
            responses[status] = _error(status)
    operation["responses"] = dict(sorted(responses.items()))


def _error(status: str) -> dict[str, Any]:
    sentence, code, detail = ERRORS[status]
    body: dict[str, Any] = {"code": code, "detail": detail}
    answer: dict[str, Any] = {
        "description": sentence,
        "content": {"application/json": {"schema": ERROR, "example": body}},
    }
    return answer | ({"headers": {"Retry-After": RETRY_AFTER}} if status == "429" else {})
