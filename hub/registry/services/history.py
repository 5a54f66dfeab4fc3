"""Where a revision comes from: the commits before it, and the one that gave each file its present bytes."""

from collections.abc import Iterator

from hub.registry.models import File, Module, Revision


def history(revision: Revision, start: int = 0, count: int = 100) -> list[Revision]:
    """The revision and those before it, the newest first, from the `start`-th on, with their authors. One query."""
    rows = _by_pk(revision.module)
    chain = list(_back(rows[revision.pk], rows, start + count))[start:]
    for row in chain:
        row.module = revision.module  # loaded already, with its namespace
    return chain


def last_changes(revision: Revision) -> dict[str, Revision]:
    """path -> the revision that gave the file its present bytes. Two queries."""
    rows = _by_pk(revision.module)
    blobs: dict[int, dict[str, int]] = {}
    files = File.objects.filter(revision__module=revision.module)
    for pk, path, blob in files.values_list("revision_id", "path", "blob_id"):
        blobs.setdefault(pk, {})[path] = blob
    found = {}
    for path, blob in blobs.get(revision.pk, {}).items():
        at = rows[revision.pk]
        while at.parent_id in rows and blobs.get(at.parent_id, {}).get(path) == blob:
            at = rows[at.parent_id]
        found[path] = at
    return found


def _by_pk(module: Module) -> dict[int, Revision]:
    return {row.pk: row for row in Revision.objects.filter(module=module).select_related("author")}


def _back(revision: Revision, rows: dict[int, Revision], most: int) -> Iterator[Revision]:
    at: Revision | None = revision
    while at is not None and most > 0:
        yield at
        most -= 1
        at = rows.get(at.parent_id) if at.parent_id else None
