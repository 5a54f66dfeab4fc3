from django.urls import URLPattern, path

from hub.registry.api import blobs, gates, names, revisions, usage, views
from hub.registry.api.fit import FitView

urlpatterns: list[URLPattern] = [
    path("modules/", views.ModuleListView.as_view(), name="api-modules"),
    path("modules/deleted/", usage.DeletedView.as_view(), name="api-modules-deleted"),
    path("modules/fit/", FitView.as_view(), name="api-modules-fit"),
    path("modules/<str:owner>/<str:name>/", views.ModuleView.as_view(), name="api-module"),
    path(
        "modules/<str:owner>/<str:name>/revisions/",
        views.RevisionListView.as_view(),
        name="api-module-revisions",
    ),
    path(
        "modules/<str:owner>/<str:name>/revisions/<str:commit>/",
        revisions.RevisionView.as_view(),
        name="api-revision",
    ),
    path(
        "modules/<str:owner>/<str:name>/access-requests/",
        gates.AccessRequestListView.as_view(),
        name="api-access-requests",
    ),
    path(
        "modules/<str:owner>/<str:name>/access-requests/<str:username>/",
        gates.AccessRequestView.as_view(),
        name="api-access-request",
    ),
    path("modules/<str:owner>/<str:name>/log/", gates.LogView.as_view(), name="api-module-log"),
    path("modules/<str:owner>/<str:name>/move/", names.MoveView.as_view(), name="api-module-move"),
    path("modules/<str:owner>/<str:name>/restore/", names.RestoreView.as_view(), name="api-module-restore"),
    path(
        "modules/<str:owner>/<str:name>/revisions/<str:commit>/yank/",
        names.YankView.as_view(),
        name="api-revision-yank",
    ),
    path("blobs/<str:sha256>/", blobs.BlobView.as_view(), name="api-blob"),
    path("cards/check/", blobs.CardCheckView.as_view(), name="api-card-check"),
    path("usage/", usage.UsageView.as_view(), name="api-usage"),
    path("base-models/", views.BaseModelListView.as_view(), name="api-base-models"),
]
