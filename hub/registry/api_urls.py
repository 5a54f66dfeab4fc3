from django.urls import URLPattern, path

from hub.registry.api import views
from hub.registry.api.fit import FitView

urlpatterns: list[URLPattern] = [
    path("modules/", views.ModuleListView.as_view(), name="api-modules"),
    path("modules/fit/", FitView.as_view(), name="api-modules-fit"),
    path("modules/<str:owner>/<str:name>/", views.ModuleView.as_view(), name="api-module"),
    path(
        "modules/<str:owner>/<str:name>/revisions/",
        views.RevisionListView.as_view(),
        name="api-module-revisions",
    ),
    path("base-models/", views.BaseModelListView.as_view(), name="api-base-models"),
]
