"""What the clients call a repository: a module, or a registered base model, which can only be read.

repo = find_repo(request, "models", "alice/opposites")
repo.snapshot("main")      a commit with its files
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from hub.accounts.models import User
from hub.hfapi.errors import HubError, Moved
from hub.hfapi.identity import require_writer
from hub.registry.models import BaseModel, Module, Ref, Revision
from hub.registry.services import (
    BaseFile,
    RegistryError,
    base_files,
    find_module,
    find_revision,
    require_write,
    split_ref,
)
from hub.registry.services.history import history
from hub.registry.services.yank import yank_warning

MAIN = "main"
REGULAR = 1_000_000  # bytes: larger files travel outside the commit, as "LFS" files, and so do all tensors
BINARY = (".safetensors", ".png", ".jpg", ".jpeg", ".webp", ".model")


def is_lfs(path: str, size: int) -> bool:
    """Does a file of this name and size count as one of Git LFS? Its id is its sha256 then, else git's sha1."""
    return size > 0 and (size > REGULAR or path.lower().endswith(BINARY))


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a commit: hashes in hex, size in bytes. place: of a base model's file."""

    path: str
    size: int
    sha256: str
    git_sha1: str
    place: BaseFile | None = None

    @property
    def is_lfs(self) -> bool:
        return is_lfs(self.path, self.size)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit. warning: `topic; text` for everybody who reads it, which the clients show once."""

    commit: str
    title: str
    description: str
    author: str
    date: datetime
    entries: Sequence[Entry]
    warning: str = ""
    revision: Revision | None = None


class ModuleRepo:
    """A module as a repository."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.repo_id = module.full_name

    def snapshot(self, ref: str = MAIN) -> Snapshot:
        """Raises RegistryError unknown_revision."""
        return snapshot_of(find_revision(self.module, ref), files=True)

    def split(self, rest: str) -> tuple[str, str]:
        return split_ref(self.module, rest)

    def refs(self) -> list[tuple[str, str, str]]:
        """(kind, name, commit) of every branch and tag; `main` comes first."""
        rows = [
            (row.kind, row.name, row.revision.commit)
            for row in Ref.objects.filter(module=self.module).select_related("revision")
        ]
        return sorted(rows, key=lambda row: (row[1] != MAIN, row[1]))

    def commits(self, ref: str, start: int, count: int) -> list[Snapshot]:
        """The commit and those before it, newest first, from the `start`-th on; without their files."""
        rows = history(find_revision(self.module, ref), start, count)
        return [snapshot_of(row) for row in rows]


class BaseRepo:
    """A registered base model as a repository of one commit."""

    def __init__(self, base_model: BaseModel) -> None:
        self.base_model = base_model
        self.repo_id = base_model.model_id

    def snapshot(self, ref: str = MAIN) -> Snapshot:
        found = base_files(self.base_model)
        known = {MAIN, f"refs/heads/{MAIN}", self.base_model.revision}
        if ref not in known and not (len(ref) >= 7 and found.commit.startswith(ref)):
            detail = f"{self.repo_id} has no revision {ascii(ref)[1:-1][:80]} on this hub."
            raise RegistryError("unknown_revision", detail, status=404)
        entries = [
            Entry(file.path, file.size, file.sha256, file.git_sha1, file) for file in found.files.values()
        ]
        return Snapshot(found.commit, "Base model of this hub", "", "", self.base_model.created_at, entries)

    def split(self, rest: str) -> tuple[str, str]:
        ref, _, path = rest.partition("/")
        return ref, path

    def refs(self) -> list[tuple[str, str, str]]:
        return [(Ref.Kind.BRANCH, MAIN, self.snapshot().commit)]

    def commits(self, ref: str, start: int, count: int) -> list[Snapshot]:
        return [self.snapshot(ref)][start : start + count]


Repo = ModuleRepo | BaseRepo


def snapshot_of(revision: Revision, *, files: bool = False) -> Snapshot:
    entries = [
        Entry(file.path, file.blob.size, file.blob.sha256, file.blob.git_sha1)
        for file in (revision.files.select_related("blob") if files else [])
    ]
    return Snapshot(
        revision.commit,
        revision.message,
        revision.description,
        revision.author.username if revision.author else "",
        revision.created_at,
        entries,
        warning=yank_warning(revision) if revision.yanked_at else "",
        revision=revision,
    )


def find_repo(request: HttpRequest, kind: str, repo_id: str) -> Repo:
    """The repository that the asker may see; else RegistryError unknown_module, whatever the reason.

    Raises Moved when it has another name by now, or other capitals.
    """
    if kind != "models":
        raise HubError("unknown_module", f"This hub holds models only, no {kind}.", status=404)
    base = (
        BaseModel.objects.filter(model_id__iexact=repo_id).defer("layers").first()
        if "\0" not in repo_id
        else None
    )
    repo: Repo
    if base is not None and ("/" in base.model_id) == ("/" in repo_id):
        repo = BaseRepo(base)
    else:
        repo = ModuleRepo(find_module(repo_id, request.user, drafts=True))
    if repo.repo_id != repo_id:
        if request.method in ("GET", "HEAD"):
            raise Moved(repo_id, repo.repo_id)
        raise HubError("unknown_module", f"{repo_id} is {repo.repo_id} now. Use that name.", status=404)
    return repo


def find_own(request: HttpRequest, kind: str, repo_id: str) -> tuple[Module, User]:
    """A module that the asker may change, and the asker.

    Raises RegistryError: sign_in_needed, read_only_token, unknown_module, forbidden.
    """
    user = require_writer(request)
    repo = find_repo(request, kind, repo_id)
    if isinstance(repo, BaseRepo):
        raise HubError(
            "forbidden", f"{repo_id} is a base model of this hub; it cannot be changed.", status=403
        )
    require_write(user, repo.module)
    return repo.module, user


def folder_id(entries: Sequence[Entry]) -> str:
    """40 hex digits for a folder, by what is in it."""
    listing = "\n".join(f"{entry.path} {entry.git_sha1}" for entry in entries)
    return hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest()
