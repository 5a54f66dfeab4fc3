"""Create, delete, move and set up repositories; and the check of a card before it is uploaded."""

import re
from typing import Any

import yaml
from django.http import HttpRequest, JsonResponse

from hub.accounts.models import Namespace, User
from hub.hfapi.bodies import json_body
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError, answer
from hub.hfapi.formats import is_true
from hub.hfapi.identity import require_writer
from hub.hfapi.repos import find_own
from hub.registry.models import Module
from hub.registry.services import (
    PublishError,
    create_draft,
    delete_module,
    move_module,
    set_gate,
    set_visibility,
)

FRONT_MATTER_RE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
MAX_FRONT_MATTER = 64 * 1024  # characters


@endpoint("POST")
def create(request: HttpRequest) -> JsonResponse:
    """A new draft. One that is there is 409, with its address: the clients' exist_ok reads it."""
    user = require_writer(request)
    body = json_body(request)
    _require_model(body.get("type"))
    namespace, name = _wanted(body, user)
    private = _is_private(body)
    if is_true(body.get("gated")):
        raise HubError("unsupported_feature", "Create the repository first; gate it in its settings.")
    try:
        module = create_draft(user=user, namespace=namespace, name=name, private=bool(private))
    except PublishError as error:
        there = Module.objects.reachable_by(user).filter(namespace=namespace, name__iexact=name).first()
        if error.code != "name_taken" or there is None:
            # 409 would mean to the clients that they can go on with it.
            status = 403 if error.status == 409 else error.status
            raise HubError(error.code, error.detail, status=status) from error
        response = answer(409, error.code, f"You already created this model repo: {there.full_name}")
        taken: dict[str, Any] = {"error": error.detail, "code": error.code, "detail": error.detail}
        response.content = JsonResponse(taken | _address(request, there)).content
        return response
    return JsonResponse(_address(request, module))


@endpoint("DELETE")
def delete(request: HttpRequest) -> JsonResponse:
    user = require_writer(request)
    body = json_body(request)
    _require_model(body.get("type"))
    owner = str(body.get("organization") or user.namespace.name)
    module, user = find_own(request, "models", f"{owner}/{body.get('name') or ''}")
    delete_module(user=user, module=module)
    return JsonResponse({})


@endpoint("PUT")
def settings(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    module, user = find_own(request, kind, f"{owner}/{name}")
    body = json_body(request)
    private = _is_private(body)
    if private is not None:
        set_visibility(user=user, module=module, private=private)
    if body.get("gated") is not None:
        gate = str(body["gated"]) if body["gated"] else ""
        set_gate(user=user, module=module, gate=gate, text=module.gate_text)
    return JsonResponse(
        {"private": module.is_private if private is None else private, "gated": module.gate or False}
    )


@endpoint("POST")
def move(request: HttpRequest) -> JsonResponse:
    """Another name; the old one leads to it."""
    body = json_body(request)
    _require_model(body.get("type"))
    module, user = find_own(request, "models", str(body.get("fromRepo") or ""))
    namespace, name = _wanted({"name": body.get("toRepo")}, user)
    moved = move_module(user=user, module=module, namespace=namespace, name=name)
    return JsonResponse(_address(request, moved))


@endpoint("POST")
def validate_yaml(request: HttpRequest) -> JsonResponse:
    """Is the front matter of a card YAML? What it says is read when it is committed."""
    content = json_body(request).get("content")
    errors, warnings = [], []
    match = FRONT_MATTER_RE.match(content[: MAX_FRONT_MATTER + 8]) if isinstance(content, str) else None
    if match is None:
        warnings.append("There is no YAML header: say license, base_model and tags there.")
    else:
        try:
            found = yaml.safe_load(match[1])
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            errors.append(f"The header is not YAML: {str(error)[:300]}")
        else:
            if not isinstance(found, dict | None):
                errors.append("The header must be a table, with lines such as license: mit.")
    body = {
        "errors": [{"message": text} for text in errors],
        "warnings": [{"message": text} for text in warnings],
    }
    return JsonResponse(body, status=400 if errors else 200)


def _require_model(kind: object) -> None:
    if kind not in (None, "", "model"):
        raise HubError("unsupported_feature", f"This hub holds models only, no {ascii(kind)[:40]}.")


def _wanted(body: dict[str, Any], user: User) -> tuple[Namespace, str]:
    """(namespace, name) of a request with `name` (or `owner/name`) and `organization`."""
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise HubError("bad_name", "The request names no repository.")
    owner, slash, rest = name.rpartition("/")
    owner = owner if slash else str(body.get("organization") or "")
    if not owner:
        return user.namespace, name
    namespace = None if "\0" in owner else Namespace.objects.filter(name__iexact=owner).first()
    if namespace is None or not namespace.can_write(user):
        raise HubError("forbidden", f"You may not publish as {ascii(owner)[1:-1][:96]}.", status=403)
    return namespace, rest


def _is_private(body: dict[str, Any]) -> bool | None:
    """`visibility` of the newer clients, `private` of the older ones; None if neither is given."""
    if body.get("visibility") is not None:
        if body["visibility"] not in ("public", "private"):
            raise HubError("bad_parameter", "visibility is public or private.")
        return bool(body["visibility"] == "private")
    return None if body.get("private") is None else is_true(body["private"])


def _address(request: HttpRequest, module: Module) -> dict[str, str]:
    return {
        "url": request.build_absolute_uri(f"/{module.full_name}"),
        "name": module.full_name,
        "id": module.full_name,
    }
