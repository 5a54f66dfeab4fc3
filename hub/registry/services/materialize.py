"""A revision as a folder on disk, for code that reads folders (composer, peft)."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from hub.registry.models import Revision
from hub.registry.storage import check_blob, copy_blob


def materialize(revision: Revision) -> Path:
    """A folder with the revision's files, made on first use and shared; do not write to it.

    The sha256 of every file is checked each time. Raises storage.FileCorrupt.
    """
    root = Path(settings.MEDIA_ROOT) / "revisions"
    folder = root / f"{revision.pk}-{revision.commit}"
    files = list(revision.files.select_related("blob"))
    if folder.is_dir() and all((folder / file.path).is_file() for file in files):
        for file in files:
            check_blob(file.blob)
        return folder
    root.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=root, prefix="new-"))
    try:
        for file in files:
            copy_blob(file.blob, fresh / file.path)
        with suppress(OSError):  # another process was first, with the same bytes
            os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder
