"""What really lies in the storage, whatever the rows say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from hub.registry.storage import is_remote

SHA256_RE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored file. sha256: as its name says."""

    name: str
    sha256: str
    size: int
    modified: datetime


def stored_files() -> Iterator[Stored]:
    """Every stored blob, in no order."""
    for name, size, modified in _remote() if is_remote() else _on_disk():
        last = name.rpartition("/")[2]
        if SHA256_RE.fullmatch(last):
            yield Stored(name, last, size, modified)


def _on_disk() -> Iterator[tuple[str, int, datetime]]:
    root = Path(settings.MEDIA_ROOT)
    for path in (root / "blobs").rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # replaced meanwhile
        if path.is_file():
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
            yield str(path.relative_to(root)), status.st_size, modified


def _remote() -> Iterator[tuple[str, int, datetime]]:
    storage: Any = default_storage
    prefix = f"{storage.location}/" if storage.location else ""
    for item in storage.bucket.objects.filter(Prefix=f"{prefix}blobs/"):
        yield item.key.removeprefix(prefix), item.size, item.last_modified
