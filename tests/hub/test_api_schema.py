"""The OpenAPI schema as programs read it."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    from drf_spectacular.generators import SchemaGenerator

    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def _operations(schema):
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_it_is_valid_and_made_without_a_warning():
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=StringIO())


def test_it_is_openapi_3_1(schema):
    assert schema["openapi"] == "3.1.0"
    assert set(schema["components"]["securitySchemes"]) == {"token", "cookieAuth"}


def test_every_operation_is_named_and_told(schema):
    names = [operation["operationId"] for _, _, operation in _operations(schema)]
    assert len(names) == len(set(names))
    for path, method, operation in _operations(schema):
        assert operation.get("description"), (path, method)
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (path, method, parameter["name"])


def test_every_operation_tells_its_errors(schema):
    for path, method, operation in _operations(schema):
        if path.endswith("/schema/"):
            continue
        for status in ("400", "401", "403", "404", "429"):
            content = operation["responses"][status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Error"}, (path, method, status)


def test_every_body_has_an_example_that_fits(schema):
    shown = 0
    for path, method, operation in _operations(schema):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in (media for body in bodies for media in body.get("content", {}).values()):
            if not media.get("schema") or path.endswith("/schema/"):
                continue
            whole = media["schema"] | {"components": schema["components"]}
            problems = [error.message for error in Draft202012Validator(whole).iter_errors(media["example"])]
            assert not problems, (path, method, problems, media["example"])
            shown += 1
    assert shown > 100


def test_reading_what_is_public_needs_no_token(schema):
    assert {} in schema["paths"]["/api/v1/modules/"]["get"]["security"]
    assert {} not in schema["paths"]["/api/v1/modules/"]["post"]["security"]
    assert {} not in schema["paths"]["/api/v1/jobs/"]["get"]["security"]
