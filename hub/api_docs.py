"""The OpenAPI schema, and a page for people made from it: nothing from another host, no script needed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 4  # levels of nested fields that the page shows


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "hub.api.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from your settings: hf_…"}


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 of this API; `?format=json` for JSON."""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter or member of a body, as the page shows it."""

    name: str
    kind: str
    required: bool
    text: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    anchor: str
    title: str
    text: str
    parameters: list[Field]
    body_type: str
    body: list[Field]
    answers: list[tuple[str, str, list[Field]]]  # status, sentence, fields; of those that are no error
    errors: list[str]  # their statuses; every error has the same body
    needs_token: bool


def docs(request: HttpRequest) -> HttpResponse:
    root = request.build_absolute_uri("/").rstrip("/")
    return render(request, "api_docs.html", {"groups": _groups(), "root": root})


@cache
def _groups() -> dict[str, list[Operation]]:
    """Operations by the first part of their path, in the order of the addresses."""
    generator = SchemaGenerator()
    schema = generator.get_schema(request=None, public=True)
    groups: dict[str, list[Operation]] = {}
    for path, item in schema["paths"].items():
        group = path.removeprefix("/api/v1/").split("/")[0]
        if group not in ("schema", ""):
            for method in METHODS:
                if method in item:
                    groups.setdefault(group, []).append(_operation(method, path, item[method], schema))
    return groups


def _operation(method: str, path: str, item: dict[str, Any], schema: dict[str, Any]) -> Operation:
    parameters = [
        Field(
            found["name"],
            _kind(found["schema"], schema),
            bool(found.get("required")),
            found.get("description", ""),
        )
        for found in item.get("parameters", [])
    ]
    content = item.get("requestBody", {}).get("content", {})
    body = _only(content)
    answers = []
    for status, answer in item["responses"].items():
        inner = _only(answer.get("content", {}))
        if status < "400":
            answers.append((status, answer.get("description", ""), list(_fields(inner, schema))))
    text = item.get("description", "").strip()
    title = item.get("summary") or text.partition(". ")[0].partition("\n")[0].rstrip(".")
    return Operation(
        method=method.upper(),
        path=path,
        anchor=item["operationId"],
        title=title or item["operationId"].replace("_", " "),
        text=text.removeprefix(title).lstrip(". \n"),
        parameters=parameters,
        body_type=next(iter(content), ""),
        body=list(_fields(body, schema)),
        answers=answers,
        errors=[status for status in item["responses"] if status >= "400"],
        needs_token=method != "get",
    )


def _only(content: dict[str, Any]) -> dict[str, Any]:
    """The schema of the first media type: they are all alike."""
    for media in content.values():
        return dict(media.get("schema", {}))
    return {}


def _resolve(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The object behind a $ref, or behind the single choice of allOf/oneOf."""
    for _ in range(8):
        if "$ref" in part:
            part = schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]]
        elif len(part.get("allOf", part.get("oneOf", []))) == 1:
            part = part.get("allOf", part.get("oneOf", []))[0]
        else:
            break
    return part


def _fields(part: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Iterator[Field]:
    part = _resolve(part, schema)
    if part.get("type") == "array" and depth < DEEPEST:
        yield from _fields(part["items"], schema, depth)
        return
    required = set(part.get("required", []))
    for name, member in part.get("properties", {}).items():
        text = member.get("description", "") or _resolve(member, schema).get("description", "")
        text = re.sub(r"\* `.*", "", text, flags=re.DOTALL).strip()  # choices, which the kind shows too
        yield Field(name, _kind(member, schema), name in required and not member.get("readOnly"), text, depth)
        if depth < DEEPEST:
            inner = _resolve(member, schema)
            inner = _resolve(inner.get("items", {}), schema) if inner.get("type") == "array" else inner
            if inner.get("properties"):
                yield from _fields(inner, schema, depth + 1)


def _kind(part: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words: "list of string", "integer 1 to 2000", "auto | deltas | factors"."""
    part = _resolve(part, schema)
    if choices := part.get("enum"):
        return " | ".join(str(choice) for choice in choices if choice is not None)
    if several := part.get("oneOf") or part.get("anyOf"):
        return " or ".join(dict.fromkeys(kind for kind in (_kind(one, schema) for one in several) if kind))
    kind = part.get("type", "any")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "any")
    if kind == "array":
        return f"list of {_kind(part.get('items', {}), schema)}"
    if part.get("format") == "binary":
        return "file"
    if "minimum" in part and "maximum" in part:
        return f"{kind} {part['minimum']} to {part['maximum']}"
    return str(part.get("format") if part.get("format") in ("date-time", "uri", "email") else kind)
