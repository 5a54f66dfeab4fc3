"""The OpenAPI schema, and a page for people made from it: nothing from another host, no script needed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "hub.api.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from your settings: hf_…"}


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 of this API; `?format=json` for JSON."""


def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api_docs.html")
