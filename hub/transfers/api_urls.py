from django.urls import URLPattern, path

from hub.transfers import api

urlpatterns: list[URLPattern] = [
    path("imports/", api.ImportListView.as_view(), name="api-imports"),
    path("imports/<int:import_id>/", api.ImportView.as_view(), name="api-import"),
    path("imports/<int:import_id>/cancel/", api.ImportCancelView.as_view(), name="api-import-cancel"),
    path("imports/<int:import_id>/retry/", api.ImportRetryView.as_view(), name="api-import-retry"),
]
