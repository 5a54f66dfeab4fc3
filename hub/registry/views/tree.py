"""The files of a revision, folder by folder, and the inside of one of them. Nothing of a file is ever run or rendered."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from hub.registry.models import File, Revision
from hub.registry.services import RegistryError, find_file, split_ref
from hub.registry.services.contents import IMAGES, is_text, tensors_of, text_of
from hub.registry.services.history import last_changes
from hub.registry.storage import FileCorrupt
from hub.registry.views.module import visible_module, visible_revision
from hub.registry.views.versions import shared

MOST_LINES = 5000
MOST_TENSORS = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """A file, or a folder (file is None). changed: the revision that last changed it."""

    name: str
    path: str
    size: int
    changed: Revision
    file: File | None = None


@require_safe
def tree(request: HttpRequest, owner: str, name: str, rest: str) -> HttpResponse:
    module = visible_module(request, owner, name, drafts=True)
    ref, folder = split_ref(module, rest)
    folder = folder.rstrip("/")
    revision = visible_revision(module, ref)
    files = list(revision.files.select_related("blob"))
    if any(file.path == folder for file in files):
        return redirect("module-blob", owner=module.namespace.name, name=module.name, rest=f"{ref}/{folder}")
    rows = _rows(files, f"{folder}/" if folder else "", last_changes(revision))
    if folder and not rows:
        raise Http404(f"There is no folder {folder} in this revision.")
    context = shared(request, module, "files", ref)
    context |= {"revision": revision, "crumbs": _crumbs(ref, folder), "rows": rows, "folder": folder}
    context["total"] = sum(file.blob.size for file in files)
    return render(request, "registry/tree.html", context)


@require_safe
def blob(request: HttpRequest, owner: str, name: str, rest: str) -> HttpResponse:
    module = visible_module(request, owner, name, drafts=True)
    ref, path = split_ref(module, rest)
    revision = visible_revision(module, ref)
    try:
        file = find_file(revision, path)
    except RegistryError as error:
        raise Http404(error.detail) from error
    context = shared(request, module, "files", ref)
    context |= {"revision": revision, "file": file, "crumbs": _crumbs(ref, path.rpartition("/")[0])}
    context["last"] = path.rpartition("/")[2]
    if context["can_download"]:
        try:
            context |= _inside(file)
        except FileCorrupt as error:
            context["damaged"] = str(error)
    return render(request, "registry/blob.html", context)


def _rows(files: list[File], prefix: str, changed: dict[str, Revision]) -> list[Row]:
    """Folders first, then files, each by name."""
    folders: dict[str, list[File]] = {}
    rows = []
    for file in files:
        if not file.path.startswith(prefix):
            continue
        head, slash, _ = file.path[len(prefix) :].partition("/")
        if slash:
            folders.setdefault(head, []).append(file)
        else:
            rows.append(Row(head, file.path, file.blob.size, changed[file.path], file))
    inner = []
    for head, own in folders.items():
        newest = max((changed[file.path] for file in own), key=lambda row: row.number)
        inner.append(Row(head, f"{prefix}{head}", sum(file.blob.size for file in own), newest))
    return sorted(inner, key=lambda row: row.name) + sorted(rows, key=lambda row: row.name.lower())


def _crumbs(ref: str, folder: str) -> list[tuple[str, str]]:
    """(name, rest of the address) of every folder on the way."""
    parts = folder.split("/") if folder else []
    return [(part, "/".join([ref, *parts[: i + 1]])) for i, part in enumerate(parts)]


def _inside(file: File) -> dict[str, object]:
    if file.path.endswith(".safetensors"):
        tensors = tensors_of(file.blob)
        return {
            "tensors": tensors[:MOST_TENSORS],
            "tensor_count": len(tensors),
            "parameters": sum(tensor.parameters for tensor in tensors),
        }
    if file.path.lower().endswith(IMAGES):
        return {"is_image": True}
    text = text_of(file.blob) if is_text(file.path) else None
    if text is None:
        return {"opaque": True}
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return {"lines": lines[:MOST_LINES], "more_lines": max(0, len(lines) - MOST_LINES), "has_text": True}
