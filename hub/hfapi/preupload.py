"""POST preupload/{rev}: how each file is to travel. Small text goes in the commit, everything else before it."""

from typing import Any

from django.http import HttpRequest, JsonResponse

from composer.errors import AdapterError
from composer.file_names import check_file_name
from hub.hfapi.bodies import json_body
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.formats import is_true
from hub.hfapi.repos import ModuleRepo, find_own, is_lfs
from hub.hfapi.uploads import require_size

MAX_FILES = 1000


@endpoint("POST")
def preupload(request: HttpRequest, kind: str, owner: str, name: str, rev: str) -> JsonResponse:
    """A file that no commit would take is refused here, before its bytes are sent."""
    module, _ = find_own(request, kind, f"{owner}/{name}")
    refuse_pull_request(request)
    there = {entry.path: entry for entry in ModuleRepo(module).snapshot(rev).entries}
    files = json_body(request).get("files")
    if not isinstance(files, list) or len(files) > MAX_FILES:
        raise HubError("bad_json", f"The body names no files, or more than {MAX_FILES}.")
    found = []
    for file in files:
        path, size = _file(file)
        lfs = is_lfs(path, size)
        oid = None
        if entry := there.get(path):
            oid = entry.sha256 if lfs else entry.git_sha1
        mode = "lfs" if lfs else "regular"
        found.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return JsonResponse({"files": found})


def refuse_pull_request(request: HttpRequest) -> None:
    if is_true(request.GET.get("create_pr")):
        raise HubError("unsupported_feature", "This hub has no pull requests; commit to a branch instead.")


def _file(value: Any) -> tuple[str, int]:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("path"), str)
        or type(value.get("size")) is not int
    ):
        raise HubError("bad_json", "Each file has a path and a size.")
    path, size = value["path"], value["size"]
    try:
        check_file_name(path)
    except AdapterError as error:
        raise HubError(error.code, str(error)) from error
    require_size(size)
    return path, size
