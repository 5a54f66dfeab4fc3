"""The files of a registered base model, as far as they are on this machine and can be shared: to be read, never changed.

Their hashes are worked out once, and again when a file has changed, so that asking for a file's headers reads no file.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.registry.models import BaseModel
from hub.registry.storage import file_hashes

KINDS = (".json", ".safetensors", ".txt", ".md", ".model", ".jinja", ".yaml", ".yml")
NAMES = ("LICENSE", "NOTICE")


@dataclass(frozen=True, slots=True)
class BaseFile:
    """One file: sha256 and git_sha1 (git's blob id) are hex, size is in bytes."""

    path: str
    place: Path
    size: int
    sha256: str
    git_sha1: str


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """All files by path, and the commit, 40 hex digits, that stands for just these."""

    files: dict[str, BaseFile]
    commit: str


def base_files(base_model: BaseModel) -> BaseFiles:
    """What of the base model can be downloaded. Empty where its folder is not on this machine."""
    known: dict[str, Any] = base_model.files
    folder = Path(base_model.folder)
    found: dict[str, Any] = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not _is_shared(place):
            continue
        status = place.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        entry = known.get(place.name)
        found[place.name] = entry if entry and entry["stamp"] == stamp else _entry(stamp, place)
    if found != known:
        BaseModel.objects.filter(pk=base_model.pk).update(files=found)
        base_model.files = found
    files = {
        name: BaseFile(name, folder / name, entry["stamp"][0], entry["sha256"], entry["git_sha1"])
        for name, entry in found.items()
    }
    listing = "\n".join(f"{file.path} {file.sha256}" for file in files.values())
    commit = hashlib.sha1(f"{base_model.model_id}\n{listing}".encode(), usedforsecurity=False).hexdigest()
    return BaseFiles(files, commit)


def _is_shared(place: Path) -> bool:
    plain = place.is_file() and not place.is_symlink() and not place.name.startswith(".")
    return plain and (place.suffix in KINDS or place.name in NAMES)


def _entry(stamp: list[int], place: Path) -> dict[str, Any]:
    sha256, git_sha1 = file_hashes(place)
    return {"stamp": stamp, "sha256": sha256, "git_sha1": git_sha1}
