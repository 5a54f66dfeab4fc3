"""Every address of the site. The registry's catch-all (/{owner}, /{owner}/{name}) comes last."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path, re_path

from hub import api, api_docs, health
from hub.registry.urls import catchall_urls, site_urls

api_v1 = [
    path("schema/", api_docs.SchemaView.as_view(), name="api-schema"),
    path("docs/", api_docs.docs, name="api-docs"),
    path("", include("hub.registry.api_urls")),
    path("", include("hub.jobs.api_urls")),
    re_path(r"", api.not_found),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("api/v1/", include(api_v1)),
    re_path(r"^api/", api.not_found),
    path("admin/", admin.site.urls),
    path("", include("hub.accounts.urls")),
    path("", include("hub.jobs.urls")),
    path("", include(site_urls)),
    path("", include(catchall_urls)),
]


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return api.not_found(request)
    return render(request, "404.html", status=404)


handler404 = page_not_found
