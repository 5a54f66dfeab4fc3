"""Branches and tags: further names for the revisions of a module."""

import re

from django.db import IntegrityError, transaction

from hub.accounts.models import User
from hub.registry.models import Module, Ref
from hub.registry.services.errors import RegistryError
from hub.registry.services.modules import require_write
from hub.registry.services.refs import COMMIT_RE, MAIN, find_revision

MAX_REFS = 200
_SEGMENT_RE = re.compile(r"[A-Za-z0-9_](?:[\w.\-+]{0,98}[A-Za-z0-9_+\-])?", re.ASCII)


def create_ref(*, user: User, module: Module, kind: str, name: str, at: str = MAIN, message: str = "") -> Ref:
    """A branch that begins, or a tag that stays, at the revision `at`.

    Raises RegistryError: bad_name, name_taken (409), unknown_revision (404), too_many_refs.
    """
    require_write(user, module)
    if wrong := ref_name_error(name):
        raise RegistryError("bad_name", wrong)
    revision = find_revision(module, at)
    if Ref.objects.filter(module=module).count() >= MAX_REFS:
        raise RegistryError("too_many_refs", f"A module has at most {MAX_REFS} branches and tags.")
    try:
        with transaction.atomic():
            return Ref.objects.create(
                module=module,
                kind=kind,
                name=name,
                revision=revision,
                message=message.replace("\0", "")[:2000],
            )
    except IntegrityError as error:
        there = Ref.objects.filter(module=module, name=name).first()
        what = there.kind if there else "name"
        raise RegistryError(
            "name_taken", f"{module.full_name} has a {what} {name} already.", status=409
        ) from error


def delete_ref(*, user: User, module: Module, kind: str, name: str) -> None:
    """Forget the name; its revisions stay reachable by their commits. Raises RegistryError: forbidden, unknown_revision."""
    require_write(user, module)
    if kind == Ref.Kind.BRANCH and name == MAIN:
        raise RegistryError("forbidden", "The branch main cannot be deleted.", status=403)
    gone, _ = Ref.objects.filter(module=module, kind=kind, name=name.replace("\0", "")).delete()
    if not gone:
        raise RegistryError(
            "unknown_revision", f"{module.full_name} has no {kind} {ascii(name)[1:-1][:80]}.", status=404
        )


def ref_name_error(name: str) -> str | None:
    """What is wrong with the name of a branch or tag, as a sentence; None if nothing is."""
    segments = name.split("/")
    plain = all(_SEGMENT_RE.fullmatch(part) and ".." not in part for part in segments)
    if not plain or len(name) > 100 or len(segments) > 4 or name.endswith(".lock"):
        return "A branch or tag is named with letters, digits, “-”, “_”, “.” and “+”, at most 100 of them."
    if segments[0] == "refs" or COMMIT_RE.fullmatch(name):
        return f"{name} would be taken for a commit or a ref. Choose another name."
    return None
