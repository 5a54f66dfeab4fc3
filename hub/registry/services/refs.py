"""Names as people write them: `owner/name`, `owner/name@revision`."""

import re
from typing import Any

from hub.registry.models import File, Module, ModuleAlias, Revision
from hub.registry.services.errors import RegistryError

MAIN = "main"
COMMIT_RE = re.compile(r"[0-9a-f]{7,40}", re.ASCII)


def find_module(full_name: str, user: Any) -> Module:
    """The module that has this name, or had it before it was renamed, if the user may see it; else, whatever the reason,
    RegistryError unknown_module (404)."""
    owner, _, name = full_name.partition("/")
    module = None
    if owner and name and "\0" not in full_name and full_name.isprintable():
        rows = Module.objects.visible_to(user).select_related("namespace", "base_model", "head")
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
    """A revision by `main`, by number (`v3`) or by 7 or more digits of its commit. Raises unknown_revision (404)."""
    revision: Revision | None = None
    if ref in ("", MAIN):
        revision = module.head
    elif COMMIT_RE.fullmatch(ref):
        revision = module.revisions.filter(commit__startswith=ref).first()
    elif re.fullmatch(r"v[1-9][0-9]{0,8}", ref, re.ASCII):
        revision = module.revisions.filter(number=int(ref[1:])).first()
    if revision is None:
        detail = f"{module.full_name} has no revision {ascii(ref)[1:-1][:80]}."
        raise RegistryError("unknown_revision", detail, status=404)
    revision.module = module  # already loaded, with its namespace
    return revision


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
