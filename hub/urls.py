"""Every address of the site. The registry's catch-all (/{owner}, /{owner}/{name}) comes last."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, is_valid_path, path, re_path

from hub import api, api_docs, health
from hub.accounts.names import RESERVED
from hub.hfapi.errors import not_found as hfapi_not_found
from hub.registry.urls import catchall_urls, site_urls


def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("favicon.svg"))


api_v1: list[URLPattern | URLResolver] = [
    path("schema/", api_docs.SchemaView.as_view(), name="api-schema"),
    path("docs/", api_docs.docs, name="api-docs"),
    path("", include("hub.accounts.api_urls")),
    path("", include("hub.registry.api_urls")),
    path("", include("hub.jobs.api_urls")),
    path("", include("hub.exports.api_urls")),
    path("", include("hub.community.api_urls")),
    path("", include("hub.transfers.api_urls")),
    re_path(r"", api.not_found),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("api/v1/", include(api_v1)),
    path("", include("hub.hfapi.urls")),
    re_path(r"^api/", hfapi_not_found),
    path("favicon.ico", favicon),
    path("admin/", admin.site.urls),
    path("", include("hub.accounts.urls")),
    path("", include("hub.jobs.urls")),
    path("", include(site_urls)),
    path("", include("hub.exports.urls")),
    path("", include("hub.community.urls")),
    path("", include("hub.transfers.urls")),
    path("", include(catchall_urls)),
]


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return hfapi_not_found(request)
    with_slash = f"{request.path}/"
    if request.method == "GET" and _is_own_page(with_slash):  # /signin: Django sees the catch-all's /{owner}
        return redirect(with_slash)
    return render(request, "404.html", status=404)


def _is_own_page(path: str) -> bool:
    """Is this an address of the site itself, rather than one of the catch-all?"""
    return path.split("/")[1] in RESERVED and bool(is_valid_path(path))


handler404 = page_not_found
