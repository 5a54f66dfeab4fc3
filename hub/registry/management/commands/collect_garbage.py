"""manage.py collect_garbage [--grace-hours 24] [--dry-run]"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hub.registry.services.garbage import collect_garbage


class Command(BaseCommand):
    help = "Remove stored files that nothing refers to any more. Workers do it every hour by themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--grace-hours", type=float, default=24, help="leave alone what is younger (24)")
        parser.add_argument("--dry-run", action="store_true", help="count, but remove nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["grace_hours"] <= 100_000:
            raise CommandError("--grace-hours: 0 or more")
        done = collect_garbage(grace=timedelta(hours=options["grace_hours"]), dry_run=options["dry_run"])
        if done is None:
            raise CommandError("A worker is collecting just now. Try again later.")
        verb = "would be removed" if options["dry_run"] else "removed"
        self.stdout.write(
            f"{verb}: {done.revisions} revisions of deleted modules, {done.blobs} blobs without a file, "
            f"{done.strays} files without a blob, {done.folders} folders; {done.bytes / 1e6:.1f} MB of files"
        )
