from django.urls import URLPattern, path

from hub.transfers import api

urlpatterns: list[URLPattern] = [
    path("imports/", api.ImportListView.as_view(), name="api-imports"),
    path("imports/<int:pk>/", api.ImportView.as_view(), name="api-import"),
    path("imports/<int:pk>/cancel/", api.ImportCancelView.as_view(), name="api-import-cancel"),
    path("imports/<int:pk>/retry/", api.ImportRetryView.as_view(), name="api-import-retry"),
]
