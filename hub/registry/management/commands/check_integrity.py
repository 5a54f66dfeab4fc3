"""manage.py check_integrity [--quick]: does every stored file still have the bytes that were stored?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Exists, OuterRef

from hub.registry import inventory
from hub.registry.models import Blob, File
from hub.registry.storage import FileCorrupt, check_blob, open_blob


class Command(BaseCommand):
    help = "Check the size and sha256 of every stored file, and name what is missing, damaged or referred to by nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--quick", action="store_true", help="sizes only, without reading the files")

    def handle(self, *args: Any, **options: Any) -> None:
        bad = checked = orphans = 0
        used = Exists(File.objects.filter(blob=OuterRef("pk")))
        for blob in Blob.objects.annotate(is_used=used).order_by("pk").iterator():
            checked += 1
            orphans += not blob.is_used
            try:
                if options["quick"]:
                    open_blob(blob).close()
                else:
                    check_blob(blob)
            except FileCorrupt as error:
                bad += 1
                self.stdout.write(f"{error}{_users(blob)}")
        strays = sum(
            not Blob.objects.filter(sha256=stored.sha256).exists() for stored in inventory.stored_files()
        )
        self.stdout.write(
            f"{checked} blobs checked, {bad} bad; {orphans} blobs without a file, {strays} files without a blob "
            "(collect_garbage removes both)"
        )
        if bad:
            raise CommandError(
                f"{bad} stored files are missing or damaged. Upload them again, or restore a backup."
            )


def _users(blob: Blob) -> str:
    """Which modules miss it, at most five."""
    files = File.objects.filter(blob=blob).select_related("revision__module__namespace")[:5]
    names = [f"{file.revision.module.full_name}@{file.revision.short} {file.path}" for file in files]
    return f" Part of: {', '.join(names)}" if names else ""
