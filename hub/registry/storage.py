"""Files on disk or S3: written once under their sha256, never changed.

A blob becomes visible in four steps: copied to a staging folder while it is hashed, synced to disk, checked, and renamed
to its name. Only then may a row refer to it. A crash leaves an unreferenced file, never a broken one; garbage.py removes it
after a grace period. Both hold the blob's lock, so what is being stored is never removed.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from django.conf import settings
from django.core.files import File as DjangoFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models.functions import Now

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
    """The blob of a staged file; its bytes are in place before the row exists.

    Inside another transaction, store several files in the order of their sha256: their locks last as long as it.
    """
    blob = Blob(sha256=file.sha256, size=file.size, git_sha1=file.git_sha1)
    with transaction.atomic():
        lock_blob(file.sha256)
        if not _is_stored(blob):
            _write(blob, file)
        found, _ = Blob.objects.update_or_create(
            sha256=file.sha256,
            defaults={"stored_at": Now()},
            create_defaults={"size": file.size, "git_sha1": file.git_sha1},
        )
    return found


def lock_blob(sha256: str) -> None:
    """Wait until nobody else stores or removes this blob; until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(sha256[:15], 16)])


def is_remote() -> bool:
    """Are the blobs in S3, rather than in a folder?"""
    return hasattr(default_storage, "bucket")


def signed_url(blob: Blob, file_name: str) -> str:
    """An address from which the bytes can be fetched for a few minutes without further leave. Only for a remote storage.

    Raises FileCorrupt if they are missing or of another size.
    """
    _check_size(blob)
    parameters = {
        "ResponseContentType": "application/octet-stream",
        "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(file_name)}",
    }
    url: str = default_storage.url(blob.storage_name, parameters=parameters)  # type: ignore[call-arg]
    return url


def open_blob(blob: Blob) -> IO[bytes]:
    """The stored bytes, opened for reading; raises FileCorrupt if they are missing or of another size."""
    _check_size(blob)
    try:
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


def file_hashes(path: Path, *, each: Callable[[bytes], object] = lambda data: None) -> tuple[str, str]:
    """sha256 and git's blob id of a file, both hex, in one reading of it. each: called with every piece that was read."""
    size = path.stat().st_size
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while data := stream.read(CHUNK):
            sha256.update(data)
            sha1.update(data)
            each(data)
    return sha256.hexdigest(), sha1.hexdigest()


def _stage(name: str, source: Path, target: Path) -> StagedFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as copy:
        sha256, git_sha1 = file_hashes(source, each=copy.write)
        copy.flush()
        os.fsync(copy.fileno())
    return StagedFile(name, target, sha256, git_sha1, target.stat().st_size)


def _check_size(blob: Blob) -> None:
    try:
        size = default_storage.size(blob.storage_name)
    except FileNotFoundError as error:
        raise FileCorrupt(f"The stored file {blob.sha256} is missing.") from error
    if size != blob.size:
        raise FileCorrupt(f"The stored file {blob.sha256} has another size than when it was stored.")


def _write(blob: Blob, file: StagedFile) -> None:
    try:
        target = Path(default_storage.path(blob.storage_name))
    except NotImplementedError:  # not a disk: the storage's own upload
        with file.path.open("rb") as stream:
            default_storage.save(blob.storage_name, DjangoFile(stream))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file.path, target)
        _sync_folder(target.parent)


def _is_stored(blob: Blob) -> bool:
    """On a disk its bytes are read; S3 has checked them itself when they came."""
    try:
        _check_size(blob) if is_remote() else check_blob(blob)
    except FileCorrupt:
        return False  # missing, or damaged: the good copy replaces it
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
