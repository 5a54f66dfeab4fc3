"""The registry's addresses. catchall_urls take whatever is left, so hub.urls puts them last."""

from django.urls import URLPattern, path

from hub.registry.views import edit, module, pages, upload

site_urls: list[URLPattern] = [
    path("", pages.home, name="home"),
    path("modules/", pages.browse, name="modules"),
    path("upload/", upload.upload, name="upload"),
]
catchall_urls: list[URLPattern] = [
    path("<str:owner>", pages.profile, name="profile"),
    path("<str:owner>/", pages.without_slash),
    path("<str:owner>/<str:name>", module.module_page, name="module"),
    path("<str:owner>/<str:name>/", pages.without_slash),
    path("<str:owner>/<str:name>/edit", edit.edit, name="module-edit"),
    path("<str:owner>/<str:name>/delete", edit.delete, name="module-delete"),
    path("<str:owner>/<str:name>/new-revision", upload.new_revision, name="module-new-revision"),
]
