"""The OpenAPI schema, and a page for people made from it: it loads nothing from another host and needs no script."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.views import SpectacularAPIView


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 of this API; `?format=json` for JSON."""


def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api_docs.html")
