"""The registry's addresses. catchall_urls take whatever is left, so hub.urls puts them last."""

from django.urls import URLPattern, path

from hub.registry.views import access, edit, module, names, pages, refs, storage, tree, upload, versions

site_urls: list[URLPattern] = [
    path("", pages.home, name="home"),
    path("modules/", pages.browse, name="modules"),
    path("upload/", upload.upload, name="upload"),
    path("settings/storage/", storage.storage, name="storage"),
]
catchall_urls: list[URLPattern] = [
    path("<str:owner>", pages.profile, name="profile"),
    path("<str:owner>/", pages.without_slash),
    path("<str:owner>/<str:name>", module.module_page, name="module"),
    path("<str:owner>/<str:name>/", pages.without_slash),
    path("<str:owner>/<str:name>/edit", edit.edit, name="module-edit"),
    path("<str:owner>/<str:name>/access", access.access, name="module-access"),
    path("<str:owner>/<str:name>/access/request", access.request_page, name="module-request"),
    path("<str:owner>/<str:name>/access/<str:username>", access.decide, name="module-decide"),
    path("<str:owner>/<str:name>/log", access.log, name="module-log"),
    path("<str:owner>/<str:name>/move", names.move, name="module-move"),
    path("<str:owner>/<str:name>/restore", names.restore, name="module-restore"),
    path("<str:owner>/<str:name>/yank/<str:commit>", names.yank, name="revision-yank"),
    path("<str:owner>/<str:name>/delete", edit.delete, name="module-delete"),
    path("<str:owner>/<str:name>/versions", versions.versions, name="module-versions"),
    path("<str:owner>/<str:name>/commits/<path:rest>", versions.commits, name="module-commits"),
    path("<str:owner>/<str:name>/commit/<str:rev>", versions.commit, name="module-commit"),
    path("<str:owner>/<str:name>/compare", versions.compared, name="module-compare-form"),
    path("<str:owner>/<str:name>/compare/<path:rest>", versions.compared, name="module-compare"),
    path("<str:owner>/<str:name>/tree/<path:rest>", tree.tree, name="module-tree"),
    path("<str:owner>/<str:name>/blob/<path:rest>", tree.blob, name="module-blob"),
    path("<str:owner>/<str:name>/refs", refs.create, name="module-ref-create"),
    path("<str:owner>/<str:name>/refs/delete", refs.delete, name="module-ref-delete"),
    path("<str:owner>/<str:name>/bring-back/<str:rev>", refs.bring_back, name="module-bring-back"),
    path("<str:owner>/<str:name>/new-revision", upload.new_revision, name="module-new-revision"),
]
