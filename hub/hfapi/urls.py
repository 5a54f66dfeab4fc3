"""The protocol's addresses: below /api/ and /oauth/, beside a repository's own address, and the upload targets."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from hub.hfapi import (
    commit,
    device,
    gates,
    info,
    lfs,
    lists,
    preupload,
    refs,
    repositories,
    resolve,
    tree,
    users,
)
from hub.hfapi.errors import not_found
from hub.hfapi.xet import tokens, views

_REPO = r"(?P<kind>models|datasets|spaces|kernels)/(?P<owner>[^/]+)/(?P<name>[^/]+)"
_PREFIX = r"^(?P<owner>[^/]+)/(?P<name>[^/]+)"

repository: list[URLPattern] = [
    path("revision/<path:rev>", info.info),
    path("auth-check", info.auth_check),
    path("auth-check/write", info.auth_check, {"write": True}),
    path("tree/<path:rest>", tree.tree),
    path("paths-info/<path:rev>", tree.paths_info),
    path("refs", refs.refs),
    path("commits/<path:rev>", refs.commits),
    path("branch/<path:branch>", refs.branch),
    path("tag/<path:rev>", refs.tag),
    path("settings", repositories.settings),
    path("preupload/<path:rev>", preupload.preupload),
    path("commit/<path:rev>", commit.commit),
    path("xet-write-token/<path:rev>", tokens.write_token),
    path("user-access-request/handle", gates.handle),
    path("user-access-request/grant", gates.grant),
    path("user-access-request/<str:status>", gates.requests),
    path("likers", users.likers),
    path("like", users.like),
]
api: list[URLPattern | URLResolver] = [
    path("repos/create", repositories.create),
    path("repos/delete", repositories.delete),
    path("repos/move", repositories.move),
    path("validate-yaml", repositories.validate_yaml),
    path("lfs/<str:ticket>", lfs.put),
    path("lfs/<str:ticket>/<int:number>", lfs.put_part),
    path("lfs/<str:ticket>/complete", lfs.complete),
    path("whoami-v2", users.whoami),
    path("models", lists.models),
    re_path(r"^(?P<kind>datasets|spaces|kernels)$", lists.others),
    path("models-tags-by-type", lists.tags_by_type),
    path("users/<str:name>/likes", users.likes),
    re_path(r"^(?P<kind>users|organizations)/(?P<name>[^/]+)/overview$", users.overview),
    path("settings/repositories", users.own_repositories),
    re_path(r"^(?P<kind>models|datasets|spaces|kernels)/(?P<owner>[^/]+)$", info.info),  # gpt2
    re_path(rf"^{_REPO}$", info.info),
    re_path(rf"^{_REPO}/", include(repository)),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include(api)),
    path("oauth/device", device.start),
    path("oauth/token", device.token),
    path("oauth/confirm", device.confirm, name="device-login"),
    path("xet/<int:user>/<str:week>/v1/xorbs/default/<str:name>", views.xorb),
    path("xet/<int:user>/<str:week>/v1/shards", views.shard),
    re_path("^xet/", not_found),
    re_path(rf"{_PREFIX}\.git/info/lfs/objects/batch$", lfs.batch, {"kind": "models"}),
    re_path(rf"{_PREFIX}\.git/info/lfs/verify$", lfs.verify, {"kind": "models"}),
    path("<str:owner>/<str:name>/resolve/<str:revision>/<path:path>", resolve.resolve, name="resolve"),
    re_path(
        r"^(?P<kind>datasets|spaces|kernels)/(?P<owner>[^/]+)/(?P<name>[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)$",
        resolve.resolve,
    ),
    path("<str:owner>/<str:name>/raw/<str:revision>/<path:path>", resolve.resolve),
    path("<str:owner>/resolve/<str:revision>/<path:path>", resolve.resolve),
]
