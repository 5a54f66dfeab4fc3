"""Files on disk or S3: written once under their sha256, never changed.

A blob becomes visible in four steps: copied to a staging folder while it is hashed, synced to disk, checked, and renamed
to its name. Only then may a row refer to it. A crash leaves an unreferenced file, never a broken one.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files import File as DjangoFile
from django.core.files.storage import default_storage

from hub.registry.models import Blob

CHUNK = 2**20


class FileCorrupt(Exception):
    """A stored file is not what was stored; `code` is file_corrupt. It is never delivered."""

    code = "file_corrupt"


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A copy in the staging folder: sha256 and git_sha1 (git's blob id) are hex, size is in bytes."""

    name: str
    path: Path
    sha256: str
    git_sha1: str
    size: int


@contextmanager
def staged(files: Mapping[str, Path]) -> Iterator[tuple[Path, list[StagedFile]]]:
    """A folder with copies of the files under their names, synced to disk; removed at the end.

    Names must have been checked before. What is checked in this folder is exactly what store() then keeps.
    """
    root = Path(settings.MEDIA_ROOT) / "staging"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder, [_stage(name, source, folder / name) for name, source in files.items()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def store(file: StagedFile) -> Blob:
    """The blob of a staged file; its bytes are in place before the row exists."""
    blob = Blob(sha256=file.sha256, size=file.size, git_sha1=file.git_sha1)
    if not _is_stored(blob):
        try:
            target = Path(default_storage.path(blob.storage_name))
        except NotImplementedError:  # not a disk: the storage's own upload
            with file.path.open("rb") as stream:
                default_storage.save(blob.storage_name, DjangoFile(stream))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file.path, target)
            _sync_folder(target.parent)
    found, _ = Blob.objects.get_or_create(
        sha256=file.sha256, defaults={"size": file.size, "git_sha1": file.git_sha1}
    )
    return found


def open_blob(blob: Blob) -> IO[bytes]:
    """The stored bytes, opened for reading; raises FileCorrupt if they are missing or of another size."""
    try:
        if default_storage.size(blob.storage_name) != blob.size:
            raise FileCorrupt(f"The stored file {blob.sha256} has another size than when it was stored.")
        stream: IO[bytes] = default_storage.open(blob.storage_name, "rb")
    except FileNotFoundError as error:
        raise FileCorrupt(f"The stored file {blob.sha256} is missing.") from error
    return stream


def check_blob(blob: Blob) -> None:
    """Raise FileCorrupt unless the stored bytes have the blob's sha256."""
    with open_blob(blob) as stream:
        digest = hashlib.sha256()
        while data := stream.read(CHUNK):
            digest.update(data)
    if digest.hexdigest() != blob.sha256:
        raise FileCorrupt(f"The stored file {blob.sha256} has been changed on disk.")


def copy_blob(blob: Blob, target: Path) -> None:
    """Copy the bytes to `target`, checking their sha256 on the way. Raises FileCorrupt; then nothing is left there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open_blob(blob) as stream, target.open("wb") as copy:
        while data := stream.read(CHUNK):
            digest.update(data)
            copy.write(data)
    if digest.hexdigest() != blob.sha256:
        target.unlink()
        raise FileCorrupt(f"The stored file {blob.sha256} has been changed on disk.")


def _stage(name: str, source: Path, target: Path) -> StagedFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = source.stat().st_size
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with source.open("rb") as stream, target.open("xb") as copy:
        while data := stream.read(CHUNK):
            sha256.update(data)
            sha1.update(data)
            copy.write(data)
        copy.flush()
        os.fsync(copy.fileno())
    return StagedFile(name, target, sha256.hexdigest(), sha1.hexdigest(), target.stat().st_size)


def _is_stored(blob: Blob) -> bool:
    try:
        check_blob(blob)
    except FileCorrupt:
        return False  # missing, or damaged: the good copy replaces it
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
