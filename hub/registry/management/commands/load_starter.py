"""manage.py load_starter: the modules that come with the hub, owned by `starter`. Running it again changes nothing."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.accounts.models import User
from hub.accounts.services import create_user
from hub.registry.folders import ABOUT, load_folder, module_folders
from hub.registry.services import PublishError

OWNER = "starter"


class Command(BaseCommand):
    help = "Publish the starter modules; those that are there already are left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, default=settings.ROOT / "starter")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        owner = User.objects.filter(username=OWNER).first() or create_user(OWNER)
        # Training writes module.json last: a folder without it is not finished.
        folders = [path for path in module_folders(folder) if (path / ABOUT).is_file()]
        new, failed = 0, []
        for number, path in enumerate(folders, start=1):
            try:
                revision, is_new = load_folder(path, user=owner, trusted=True)
            except PublishError as error:
                failed.append(f"{path.name}: {error.detail}")
                continue
            if is_new:
                new += 1
                self.stdout.write(f"{number}/{len(folders)} {revision.module.full_name}")
                self.stdout.flush()
        self.stdout.write(f"{len(folders)} starter modules, {new} new")
        if failed:
            raise CommandError("Some could not be loaded: " + "; ".join(failed))
