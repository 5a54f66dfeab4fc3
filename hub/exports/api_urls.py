from django.urls import URLPattern, path

from hub.exports import api

_REVISION = "modules/<str:owner>/<str:name>/revisions/<str:commit>/"
urlpatterns: list[URLPattern] = [
    path(f"{_REVISION}exports/", api.ExportListView.as_view(), name="api-exports"),
    path(
        f"{_REVISION}exports/<str:kind>/download/",
        api.ExportDownloadView.as_view(),
        name="api-export-download",
    ),
]
