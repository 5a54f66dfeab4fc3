"""Names as people write them: `owner/name`, `owner/name@revision`."""

from __future__ import annotations

import re
from typing import Any

from hub.registry.models import File, Module, ModuleAlias, Ref, Revision
from hub.registry.services.errors import RegistryError

MAIN = "main"
COMMIT_RE = re.compile(r"[0-9a-f]{7,40}", re.ASCII)


def find_module(full_name: str, user: Any, *, drafts: bool = False) -> Module:
    """The module that has this name, or had it before it was renamed, if the user may see it; else, whatever the reason,
    RegistryError unknown_module (404). drafts: also a draft that the user may write."""
    owner, _, name = full_name.partition("/")
    module = None
    if owner and name and "\0" not in full_name and full_name.isprintable():
        rows = Module.objects.reachable_by(user) if drafts else Module.objects.visible_to(user)
        rows = rows.select_related("namespace", "base_model", "head")
        module = rows.filter(namespace__name__iexact=owner, name__iexact=name).first()
        if module is None:
            old = ModuleAlias.objects.filter(namespace__name__iexact=owner, name__iexact=name)
            module = rows.filter(pk__in=old.values("module_id")).first()
    if module is None:
        raise RegistryError(
            "unknown_module", f"There is no module {ascii(full_name)[1:-1][:200]}.", status=404
        )
    return module


def is_renamed(module: Module, full_name: str) -> bool:
    """Was it found by another name than its own, whatever the capitals?"""
    return module.full_name.lower() != full_name.lower()


def find_revision(module: Module, ref: str = MAIN) -> Revision:
    """A revision by branch (`main`), tag, number (`v3`) or 7 or more digits of its commit. Raises unknown_revision (404)."""
    ref = re.sub(r"^refs/(heads|tags)/", "", ref) or MAIN
    revision: Revision | None = None
    if ref == MAIN and module.head is not None:
        revision = module.head
    elif "\0" not in ref and (named := Ref.objects.filter(module=module, name=ref).first()):
        revision = named.revision
    elif COMMIT_RE.fullmatch(ref):
        revision = module.revisions.filter(commit__startswith=ref).first()
    elif re.fullmatch(r"v[1-9][0-9]{0,8}", ref, re.ASCII):
        revision = module.revisions.filter(number=int(ref[1:])).first()
    if revision is None:
        detail = f"{module.full_name} has no revision {ascii(ref)[1:-1][:80]}."
        raise RegistryError("unknown_revision", detail, status=404)
    revision.module = module  # already loaded, with its namespace
    return revision


def split_ref(module: Module, text: str) -> tuple[str, str]:
    """(ref, path) of `ref/path`, where both may have slashes: the longest branch or tag wins, then the first segment."""
    parts = text.split("/")
    kind = 2 if parts[0] == "refs" and len(parts) > 2 else 0  # refs/heads/x, refs/pr/1
    names = (
        {} if "\0" in text else {"/".join(parts[kind:n]): n for n in range(kind + 1, min(len(parts), 12) + 1)}
    )
    known = Ref.objects.filter(module=module, name__in=[*names]).values_list("name", flat=True)
    end = max((names[name] for name in known), default=kind + 1)
    return "/".join(parts[:end]), "/".join(parts[end:])


def resolve_module_ref(ref: str, user: Any) -> Revision:
    """The revision that `owner/name` (its newest) or `owner/name@revision` names for this user.

    Raises RegistryError with status 404: unknown_module (also for private modules of others), unknown_revision.
    """
    full_name, _, revision = ref.strip().partition("@")
    return find_revision(find_module(full_name, user), revision)


def find_file(revision: Revision, path: str) -> File:
    """A file of the revision. Raises RegistryError unknown_file (404)."""
    file = None if "\0" in path else revision.files.select_related("blob").filter(path=path).first()
    if file is None:
        detail = (
            f"{revision.module.full_name} has no file {ascii(path)[1:-1][:200]} in revision {revision.short}."
        )
        raise RegistryError("unknown_file", detail, status=404)
    return file
