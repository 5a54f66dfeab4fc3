"""A revision as a folder on disk, for code that reads folders (composer, peft)."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from hub.registry.models import File, Revision
from hub.registry.storage import copy_blob


def materialize(revision: Revision) -> Path:
    """A folder with the revision's files, made on first use and shared; do not write to it.

    The sha256 of every file is checked each time; a damaged copy is made again. Raises storage.FileCorrupt when the stored
    file itself is damaged.
    """
    root = Path(settings.MEDIA_ROOT) / "revisions"
    folder = root / f"{revision.pk}-{revision.commit}"
    files = list(revision.files.select_related("blob"))
    if _is_whole(folder, files):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=root, prefix="new-"))
    try:
        for file in files:
            copy_blob(file.blob, fresh / file.path)
        if folder.exists():  # damaged: put aside in one step, so that nobody sees half of it
            os.rename(folder, fresh.with_name(f"old-{fresh.name}"))
            shutil.rmtree(fresh.with_name(f"old-{fresh.name}"), ignore_errors=True)
        with suppress(OSError):  # another process was first, with the same bytes
            os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _is_whole(folder: Path, files: Iterable[File]) -> bool:
    try:
        return all(_sha256(folder / file.path) == file.blob.sha256 for file in files)
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
