"""What nothing refers to goes after the grace period; what is wanted stays. And the check of what is stored."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from hub.registry.models import Blob, Module, Revision
from hub.registry.services.garbage import collect_garbage

NOW = timedelta(0)


def age(hours: int) -> None:
    """Everything was stored so many hours ago."""
    Blob.objects.update(stored_at=timezone.now() - timedelta(hours=hours))
    then = time.time() - 3600 * hours
    for path in Path(default_storage.location).rglob("*"):
        os.utime(path, (then, then))


def stored() -> set[str]:
    return {path.name for path in Path(default_storage.location).glob("blobs/*/*/*")}


def test_what_is_referred_to_stays(module):
    before = stored()
    age(1000)
    done = collect_garbage()
    assert (done.blobs, done.strays) == (0, 0)
    assert stored() == before != set()


def test_an_orphan_goes_after_the_grace_period_with_its_bytes(module):
    orphan = module.head.files.first().blob
    module.head.files.filter(blob=orphan).delete()
    age(23)
    assert collect_garbage().blobs == 0
    age(25)
    assert collect_garbage(dry_run=True).blobs == 1
    assert orphan.sha256 in stored()
    done = collect_garbage()
    assert (done.blobs, done.bytes) == (1, orphan.size)
    assert orphan.sha256 not in stored()
    assert not Blob.objects.filter(pk=orphan.pk).exists()


def test_an_upload_of_the_same_bytes_saves_an_orphan(module, alice, publish):
    """Its row is old, but an upload has just brought it, and will refer to it in a moment."""
    from hub.registry import storage

    file = module.head.files.get(path="README.md")
    module.head.files.filter(pk=file.pk).delete()
    age(48)
    source = Path(default_storage.path(file.blob.storage_name))
    with storage.staged({"README.md": source}) as (_, [staged]):
        storage.store(staged)
    assert collect_garbage().blobs == 0


def test_a_file_without_a_row_goes(module):
    stray = Path(default_storage.location) / "blobs/ab/cd" / ("abcd" + 60 * "0")
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"from a crash")
    assert collect_garbage().strays == 0
    age(25)
    assert collect_garbage().strays == 1
    assert stray.name not in stored()


def test_a_dead_uploads_folder_goes(module):
    folder = Path(default_storage.location) / "staging" / "tmp123"
    folder.mkdir(parents=True)
    (folder / "half").write_bytes(b"x")
    assert collect_garbage().folders == 0
    age(25)
    assert collect_garbage().folders == 1
    assert not folder.exists()


def test_a_deleted_module_leaves_its_bytes_when_its_tombstone_is_gone(module):
    before = stored()
    Module.objects.update(deleted_at=timezone.now() - timedelta(days=89))
    assert collect_garbage(grace=NOW).revisions == 0
    Module.objects.update(deleted_at=timezone.now() - timedelta(days=91))
    done = collect_garbage(grace=NOW)
    assert (done.revisions, done.blobs) == (1, len(before))
    assert stored() == set()


def test_what_a_composition_was_made_from_stays(module, alice, publish):
    publish(alice, "child", parents=[(module.head, 1.0)])
    Module.objects.filter(pk=module.pk).update(deleted_at=timezone.now() - timedelta(days=91))
    assert collect_garbage(grace=NOW).revisions == 0
    assert Revision.objects.filter(module=module).exists()


def test_the_command(module, capsys):
    module.head.files.all().delete()
    call_command("collect_garbage", "--grace-hours", "0", "--dry-run")
    assert "would be removed: 0 revisions of deleted modules, 3 blobs" in capsys.readouterr().out
    call_command("collect_garbage", "--grace-hours", "0")
    assert capsys.readouterr().out.startswith("removed: 0 revisions of deleted modules, 3 blobs")
    with pytest.raises(CommandError, match="0 or more"):
        call_command("collect_garbage", "--grace-hours", "-1")


def test_all_is_well(module, capsys):
    call_command("check_integrity")
    assert "3 blobs checked, 0 bad; 0 blobs without a file, 0 files" in capsys.readouterr().out


def test_damage_is_named(module, capsys):
    """Of two files: one is gone, in one a bit has changed. Sizes alone show the first."""
    gone, flipped = (default_storage.path(file.blob.storage_name) for file in module.head.files.all()[:2])
    Path(gone).unlink()
    data = bytearray(Path(flipped).read_bytes())
    data[3] ^= 1
    Path(flipped).write_bytes(data)
    with pytest.raises(CommandError, match="1 stored files"):
        call_command("check_integrity", "--quick")
    with pytest.raises(CommandError, match="2 stored files"):
        call_command("check_integrity")
    out = capsys.readouterr().out
    assert "is missing. Part of: alice/opposites@" in out
    assert "has been changed on disk" in out
