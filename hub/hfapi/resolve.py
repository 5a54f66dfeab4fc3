"""GET and HEAD /{owner}/{name}/resolve/{revision}/{path}: a file. /raw/ is the same here."""

from typing import IO

from django.http import HttpRequest, HttpResponseBase

from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import NoFile, error_response
from hub.hfapi.formats import warn
from hub.hfapi.repos import BaseRepo, Entry, Snapshot, find_repo
from hub.registry.services import RegistryError, find_file
from hub.registry.services.gates import GATED, access_path
from hub.registry.storage import FileCorrupt
from hub.registry.views.files import Stored, answer, stored


@endpoint("GET", session=True)
def resolve(
    request: HttpRequest, owner: str, revision: str, path: str, name: str = "", kind: str = "models"
) -> HttpResponseBase:
    repo = find_repo(request, kind, f"{owner}/{name}" if name else owner)
    ref, path = repo.split(f"{revision}/{path}")
    snapshot = repo.snapshot(ref)
    entry = next((entry for entry in snapshot.entries if entry.path == path), None)
    if entry is None:
        detail = f"{repo.repo_id} has no file {ascii(path)[1:-1][:200]} in revision {snapshot.commit[:8]}."
        raise NoFile(detail, snapshot.commit)
    try:
        response = answer(request, _stored(request, snapshot, entry))
    except RegistryError as error:
        if error.code != GATED or isinstance(repo, BaseRepo):
            raise
        response = error_response(error)
        response["Link"] = f'<{request.build_absolute_uri(access_path(repo.module))}>; rel="help"'
        return response
    if entry.is_lfs:
        response["X-Linked-Etag"] = f'"{entry.sha256}"'
        response["X-Linked-Size"] = str(entry.size)
    warn(response, snapshot.warning)
    return response


def _stored(request: HttpRequest, snapshot: Snapshot, entry: Entry) -> Stored:
    if snapshot.revision is not None:
        return stored(find_file(snapshot.revision, entry.path), request)
    base = entry.place
    assert base is not None

    def opened() -> IO[bytes]:
        stream = base.place.open("rb")
        if base.place.stat().st_size != base.size:
            stream.close()
            raise FileCorrupt(f"{base.path} of the base model has changed.")
        return stream

    return Stored(entry.path, entry.size, entry.sha256, snapshot.commit, opened)
