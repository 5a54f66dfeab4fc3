"""Repositories that grow by commits: a draft first, then files added and removed, until `main` is a complete adapter.

Browser and REST API publish a whole folder at once (services.publish). A program that pushes makes the module first and
commits to it in one or several steps. Both are checked by the same code before anything is stored.
"""

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from hub.accounts.models import Namespace, User
from hub.accounts.names import name_error
from hub.registry.models import BaseModel, Blob, File, Module, Ref, Revision
from hub.registry.services.checks import CARD, Checked, card_text, check_files, file_problems, is_complete
from hub.registry.services.errors import Problem, PublishError, RegistryError
from hub.registry.services.evaluation_data import add_evaluations
from hub.registry.services.log import note
from hub.registry.services.metadata import ModuleMetadata, read_card
from hub.registry.services.modules import metadata_of, require_write
from hub.registry.services.names import why_taken
from hub.registry.services.publish import commit_id, new_revision, set_head
from hub.registry.services.quotas import lock_namespace, require_quota
from hub.registry.services.refs import MAIN, find_revision
from hub.registry.storage import copy_blob

TRIES = 4  # of a commit whose branch moved while it was checked
MAX_MESSAGE = 200
MAX_DESCRIPTION = 10_000


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit does. added: path -> bytes that are stored already. A removed folder ends with "/"."""

    added: Mapping[str, Blob] = field(default_factory=dict)
    removed: Collection[str] = ()


def create_draft(*, user: User, namespace: Namespace, name: str, private: bool = False) -> Module:
    """A module without files, for commits to fill. Raises PublishError: forbidden, bad_name, name_taken (409)."""
    if not namespace.can_write(user):
        raise PublishError("forbidden", f"You may not publish as {namespace.name}.", "namespace", status=403)
    if wrong := name_error(name):
        raise PublishError("bad_name", wrong, "name")
    if why := _why_taken(namespace, name):
        raise PublishError("name_taken", why, "name", status=409)
    try:
        with transaction.atomic():
            lock_namespace(namespace)
            require_quota(namespace, modules=1)
            module = Module(namespace=namespace, name=name, is_private=private)
            module.save(force_insert=True)
            first = _incomplete(module, user, None, 0, "Initial commit", "", {}, "")
            Ref.objects.create(module=module, kind=Ref.Kind.BRANCH, name=MAIN, revision=first)
            note("module.create", module, user, number=first.number)
    except IntegrityError as error:
        why = _why_taken(namespace, name) or f"The name {namespace.name}/{name} is taken."
        raise PublishError("name_taken", why, "name", status=409) from error
    return module


def commit_changes(
    *,
    user: User,
    module: Module,
    changes: Changes,
    branch: str = MAIN,
    message: str = "",
    description: str = "",
    parent: str = "",
) -> Revision:
    """The branch's new revision: its files with the changes. A commit that changes nothing gives the revision that is there.

    parent: the commit that the changes were made for; another one by now is RegistryError stale_parent (412).
    Once `main` is a complete adapter it stays one: a commit that would break it is refused with the reason.
    Raises PublishError with every problem of the files, RegistryError unknown_revision, not_a_branch, unknown_file.
    """
    for _ in range(TRIES):
        _refresh(module)
        require_write(user, module)
        before = find_revision(module, branch)
        files = _changed(before, changes)
        if _files(before) == files:
            return before
        if parent and not before.commit.startswith(parent):
            if (
                before.parent
                and before.parent.commit.startswith(parent)
                and _files(before) == _changed(before.parent, changes)
            ):
                return before  # the same commit, sent again because its answer was lost
            raise RegistryError(
                "stale_parent",
                f"{branch} of {module.full_name} is at {before.commit} by now, not at {parent}. Fetch it and try again.",
                status=412,
            )
        checked = _checked(module, before, branch, files)
        revision = _write(user, module, branch, before, files, checked, message, description)
        if revision is not None:
            return revision
    raise RegistryError("busy", f"{branch} of {module.full_name} keeps changing. Try again.", status=409)


def _why_taken(namespace: Namespace, name: str) -> str | None:
    """A sentence if no module can have this name: a base model of the hub keeps its own too."""
    if BaseModel.objects.filter(model_id__iexact=f"{namespace.name}/{name}").exists():
        return f"{namespace.name}/{name} is a base model of this hub. Choose another name."
    return why_taken(namespace, name)


def _refresh(module: Module) -> None:
    """What others have done to the module meanwhile. A draft may be gone: RegistryError unknown_module."""
    try:
        module.refresh_from_db()
    except Module.DoesNotExist as error:
        raise RegistryError("unknown_module", "The module has been deleted meanwhile.", status=404) from error


def _files(revision: Revision) -> dict[str, Blob]:
    return {file.path: file.blob for file in revision.files.select_related("blob")}


def _changed(before: Revision, changes: Changes) -> dict[str, Blob]:
    """path -> blob after the changes. Raises unknown_file for a removed file that is not there."""
    files = _files(before)
    for path in changes.removed:
        gone = [name for name in files if (name.startswith(path) if path.endswith("/") else name == path)]
        if not gone:
            raise RegistryError(
                "unknown_file", f"A file with this name doesn't exist: {ascii(path)[1:-1][:200]}", status=404
            )
        for name in gone:
            del files[name]
    return {**files, **changes.added}


def _checked(
    module: Module, before: Revision, branch: str, files: Mapping[str, Blob]
) -> Checked | tuple[str, ModuleMetadata]:
    """What the files say: of an adapter if they are one, else (card, what its front matter says)."""
    if branch == MAIN and module.head_id is not None and not is_complete(files):
        raise PublishError(
            "missing_file",
            "The main branch of a published module must stay a complete adapter, with adapter_config.json and "
            "adapter_model.safetensors. Replace them in one commit, or delete the module.",
            "files",
        )
    with _linked(files) as folder:
        if problems := file_problems({path: folder / path for path in files}):
            raise PublishError.of(problems)
        card, said = read_card(card_text(folder / CARD))
        # The card speaks for itself when it is new; else what was last said about the module stays.
        known = metadata_of(module) if module.head_id is not None else ModuleMetadata()
        old_card = before.files.filter(path=CARD).values_list("blob_id", flat=True).first()
        new_card = files[CARD].pk if CARD in files else None
        metadata = said.or_else(known) if new_card != old_card else known
        return check_files(folder, metadata) if is_complete(files) else (card, said)


@transaction.atomic
def _write(
    user: User,
    module: Module,
    branch: str,
    before: Revision,
    files: Mapping[str, Blob],
    checked: Checked | tuple[str, ModuleMetadata],
    message: str,
    description: str,
) -> Revision | None:
    """The revision, unless the branch has moved since `before`."""
    lock_namespace(module.namespace)
    locked = Module.objects.select_for_update(of=("self",)).select_related("namespace").get(pk=module.pk)
    ref = Ref.objects.filter(module=locked, name=branch).first()
    if ref is None or ref.kind != Ref.Kind.BRANCH:
        raise RegistryError("not_a_branch", f"{branch} is not a branch; commits go to a branch.", status=404)
    if ref.revision_id != before.pk:
        return None
    newest = locked.revisions.order_by("-number").values_list("number", flat=True).first() or 0
    title, rest = _message(message)
    text = "\n\n".join(part for part in (rest, description.replace("\0", "")) if part)[:MAX_DESCRIPTION]
    if isinstance(checked, Checked):
        blobs = sorted(files.items())
        revision = new_revision(
            locked, user, checked, title, blobs, parent=before, number=newest + 1, description=text
        )
        add_evaluations(revision, checked.claimed)
        if branch == MAIN:
            set_head(locked, revision, checked)
    else:
        revision = _incomplete(locked, user, before, newest + 1, title, text, files, checked[0])
        Module.objects.filter(pk=locked.pk).update(updated_at=revision.created_at)
    Ref.objects.filter(pk=ref.pk).update(revision=revision)
    require_quota(locked.namespace)
    note("module.revision", locked, user, number=revision.number)
    module.head = locked.head
    return revision


def _incomplete(
    module: Module,
    user: User,
    before: Revision | None,
    number: int,
    message: str,
    description: str,
    files: Mapping[str, Blob],
    card: str,
) -> Revision:
    revision = Revision.objects.create(
        module=module,
        commit=commit_id(module, number, before.commit if before else "", sorted(files.items())),
        number=number,
        message=message or f"Revision {number}",
        description=description,
        parent=before,
        author=user,
        card=card,
        is_complete=False,
        rank=0,
        alpha=0,
        parameters=0,
        size=0,
        composable=False,
        not_composable_reason="it has no complete adapter",
        not_composable_code="missing_file",
    )
    File.objects.bulk_create(File(revision=revision, path=path, blob=blob) for path, blob in files.items())
    return revision


def _message(message: str) -> tuple[str, str]:
    """(the first line, the rest); what a line cannot hold goes to the rest."""
    lines = message.replace("\0", "").strip().splitlines() or [""]
    first = "".join(char if char.isprintable() else " " for char in lines[0]).strip()
    rest = "\n".join(lines[1:]).strip()
    return first[:MAX_MESSAGE], f"{first}\n{rest}".strip() if len(first) > MAX_MESSAGE else rest


@contextmanager
def _linked(files: Mapping[str, Blob]) -> Iterator[Path]:
    """A folder with the files under their paths, to be read only: links to the stored bytes where that is a disk."""
    root = Path(settings.MEDIA_ROOT) / "staging"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        for path, blob in files.items():
            _check_segments(path, files)
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            linked = False
            with suppress(NotImplementedError, OSError):
                os.link(default_storage.path(blob.storage_name), target)
                linked = True
            if not linked:
                copy_blob(blob, target)
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def _check_segments(path: str, files: Collection[str]) -> None:
    """Before any file of this name is made; file_problems says the rest. A file cannot also be a folder."""
    parts = path.split("/")
    folders = {"/".join(parts[:n]) for n in range(1, len(parts))}
    if "\0" in path or any(part in ("", ".", "..") for part in parts) or folders & set(files):
        raise PublishError.of(
            [Problem("files", "bad_path", f"{ascii(path)[:120]} is not an acceptable file name.")]
        )
