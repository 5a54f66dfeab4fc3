"""Removing what nothing refers to, after a grace period in which an upload or a person may still want it.

In this order: revisions of modules deleted longer ago than a tombstone lasts, unless a job or a composition needs them; blobs
without a file; stored files without a blob; staging folders of uploads that died; copies for the worker of revisions that
are gone.
"""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, ProtectedError, QuerySet
from django.utils import timezone

from hub.registry import inventory
from hub.registry.models import Blob, File, Module, Revision
from hub.registry.storage import lock_blob

GRACE = timedelta(hours=24)
ONE_AT_A_TIME = 7_246_155  # key of the advisory lock of the whole collection

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Collected:
    """What was removed, or would be."""

    revisions: int = 0
    blobs: int = 0
    strays: int = 0
    folders: int = 0
    bytes: int = 0


def collect_garbage(*, grace: timedelta = GRACE, dry_run: bool = False) -> Collected | None:
    """Collect once; None if somebody else is collecting just now."""
    done = Collected()
    with _alone() as alone:
        if not alone:
            return None
        _revisions_of_deleted(done, dry_run)
        _blobs(done, grace, dry_run)
        _strays(done, grace, dry_run)
        _folders(done, grace, dry_run)
    if done.blobs or done.strays or done.revisions:
        log.info("garbage: %s", done)
    return done


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME])
        [alone] = cursor.fetchone()
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])


def _revisions_of_deleted(done: Collected, dry_run: bool) -> None:
    since = timezone.now() - timedelta(days=settings.HUB_TOMBSTONE_DAYS)
    revisions = Revision.objects.filter(module__deleted_at__lt=since)
    for revision in revisions.select_related("module").iterator():
        try:
            with transaction.atomic():
                Module.objects.filter(pk=revision.module_id, head=revision).update(head=None)
                revision.delete()
                done.revisions += 1
                if dry_run:
                    transaction.set_rollback(True)
        except ProtectedError:
            continue  # a job or a composition was made with it


def orphans(grace: timedelta) -> QuerySet[Blob]:
    """Blobs without a file that no upload has brought within the grace period."""
    unused = ~Exists(File.objects.filter(blob=OuterRef("pk")))
    return Blob.objects.filter(unused, stored_at__lt=timezone.now() - grace)


def _blobs(done: Collected, grace: timedelta, dry_run: bool) -> None:
    for blob in orphans(grace).iterator():
        try:
            with transaction.atomic():
                lock_blob(blob.sha256)
                if not orphans(grace).filter(pk=blob.pk).exists():
                    continue  # wanted again
                if not dry_run:
                    blob.delete()
                    default_storage.delete(blob.storage_name)
        except ProtectedError:
            continue  # something else than a module's file refers to it
        done.blobs += 1
        done.bytes += blob.size


def _strays(done: Collected, grace: timedelta, dry_run: bool) -> None:
    before = timezone.now() - grace
    for stored in inventory.stored_files():
        if stored.modified > before or Blob.objects.filter(sha256=stored.sha256).exists():
            continue
        with transaction.atomic():
            lock_blob(stored.sha256)
            if Blob.objects.filter(sha256=stored.sha256).exists():
                continue
            if not dry_run:
                default_storage.delete(stored.name)
        done.strays += 1
        done.bytes += stored.size


def _folders(done: Collected, grace: timedelta, dry_run: bool) -> None:
    root = Path(settings.MEDIA_ROOT)
    before = time.time() - grace.total_seconds()
    for folder in [path for name in ("staging", "parts", "revisions") for path in (root / name).glob("*")]:
        number = folder.name.partition("-")[0]
        if number.isdecimal() and Revision.objects.filter(pk=int(number)).exists():
            continue
        try:
            if folder.stat().st_mtime > before:
                continue
        except FileNotFoundError:
            continue  # its upload has just ended
        if not dry_run:
            shutil.rmtree(folder, ignore_errors=True)
        done.folders += 1
