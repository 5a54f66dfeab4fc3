"""GET tree/{rev}[/{folder}] and POST paths-info/{rev}: the files of a commit."""

import json
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, JsonResponse

from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.formats import date, is_true, number, page, warn
from hub.hfapi.info import pointer_size
from hub.hfapi.repos import Entry, Repo, Snapshot, find_repo, folder_id, snapshot_of
from hub.registry.services import RegistryError
from hub.registry.services.history import last_changes

PAGE, PAGE_EXPANDED = 1000, 50
MAX_PATHS = 1000
MAX_BODY = 2_000_000  # bytes
SAFE = {"status": "safe", "avScan": None, "pickleImportScan": None}  # no pickle gets in, so none is scanned


@endpoint("GET")
def tree(request: HttpRequest, kind: str, owner: str, name: str, rest: str) -> JsonResponse:
    repo = find_repo(request, kind, f"{owner}/{name}")
    ref, folder = repo.split(rest.rstrip("/"))
    snapshot = repo.snapshot(ref)
    items = _list(snapshot.entries, folder, recursive=is_true(request.GET.get("recursive")))
    if folder and not items:
        raise RegistryError(
            "unknown_file", f"{repo.repo_id} has no folder {ascii(folder)[1:-1][:200]} at {ref}.", status=404
        )
    expand = is_true(request.GET.get("expand"))
    size = PAGE_EXPANDED if expand else PAGE
    start = number(request, "cursor", 0, 1_000_000)
    rows = items[start : start + size + 1]
    response = page(request, _bodies(repo, snapshot, rows, expand), start, size)
    warn(response, snapshot.warning)
    response["X-Repo-Commit"] = snapshot.commit
    return response


@endpoint("POST")
def paths_info(request: HttpRequest, kind: str, owner: str, name: str, rev: str) -> JsonResponse:
    repo = find_repo(request, kind, f"{owner}/{name}")
    paths, expand = _paths(request)
    snapshot = repo.snapshot(rev)
    everything = {_path(item): item for item in _list(snapshot.entries, "", recursive=True)}
    rows = [everything[path] for path in dict.fromkeys(paths) if path in everything]
    return JsonResponse(_bodies(repo, snapshot, rows, expand), safe=False)


Folder = tuple[str, Sequence[Entry]]


def _list(entries: Sequence[Entry], folder: str, *, recursive: bool) -> list[Entry | Folder]:
    """What is in the folder: sub-folders before files, each by name; with recursive all that is below."""
    prefix = f"{folder}/" if folder else ""
    inside = [entry for entry in entries if entry.path.startswith(prefix)]
    folders: dict[str, list[Entry]] = {}
    files = []
    for entry in inside:
        parts = entry.path.removeprefix(prefix).split("/")
        for n in range(1, len(parts) if recursive else min(2, len(parts))):
            folders.setdefault(prefix + "/".join(parts[:n]), []).append(entry)
        if recursive or len(parts) == 1:
            files.append(entry)
    return [*sorted(folders.items()), *sorted(files, key=lambda entry: entry.path)]


def _path(item: Entry | Folder) -> str:
    return item.path if isinstance(item, Entry) else item[0]


def _bodies(
    repo: Repo, snapshot: Snapshot, items: Sequence[Entry | Folder], expand: bool
) -> list[dict[str, Any]]:
    changed: dict[str, Snapshot] = {}
    if expand and snapshot.revision is not None:
        changed = {path: snapshot_of(row) for path, row in last_changes(snapshot.revision).items()}
    bodies = []
    for item in items:
        if isinstance(item, Entry):
            body: dict[str, Any] = {
                "type": "file",
                "oid": item.git_sha1,
                "size": item.size,
                "path": item.path,
            }
            if item.is_lfs:
                body["lfs"] = {"oid": item.sha256, "size": item.size, "pointerSize": pointer_size(item)}
            if expand:
                body["securityFileStatus"] = SAFE
            last = changed.get(item.path, snapshot)
        else:
            path, entries = item
            body = {"type": "directory", "oid": folder_id(entries), "size": 0, "path": path}
            last = max(
                (changed.get(entry.path, snapshot) for entry in entries), key=lambda change: change.date
            )
        if expand:
            body["lastCommit"] = {"id": last.commit, "title": last.title, "date": date(last.date)}
        bodies.append(body)
    return bodies


def _paths(request: HttpRequest) -> tuple[list[str], bool]:
    """(paths, expand) of a form, or of JSON. Raises HubError bad_json, too_large."""
    if request.content_type == "application/json":
        try:
            data = json.loads(request.read(MAX_BODY))
            paths, expand = data.get("paths"), data.get("expand")
        except (ValueError, RecursionError, AttributeError) as error:
            raise HubError("bad_json", "The body is not the JSON of paths and expand.") from error
        paths = paths if isinstance(paths, list) else [paths]
    else:
        paths, expand = request.POST.getlist("paths"), request.POST.get("expand")
    if len(paths) > MAX_PATHS:
        raise HubError("too_large", f"At most {MAX_PATHS} paths are answered at once.", status=413)
    return [path.rstrip("/") for path in paths if isinstance(path, str)], is_true(expand)
