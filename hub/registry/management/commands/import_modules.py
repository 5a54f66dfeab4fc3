"""manage.py import_modules FOLDER --owner NAME: publish every adapter folder of a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hub.accounts.models import User
from hub.registry.folders import load_folder, module_folders
from hub.registry.services import PublishError


class Command(BaseCommand):
    help = "Publish the adapter folders in FOLDER (or FOLDER itself) as modules of OWNER. Known ones are left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--owner", required=True, help="user name")

    def handle(self, *args: Any, folder: Path, owner: str, **options: Any) -> None:
        user = User.objects.select_related("namespace").filter(username=owner).first()
        if user is None:
            raise CommandError(f"There is no user {owner}.")
        folders = module_folders(folder)
        if not folders:
            raise CommandError(f"{folder} has no adapter: no adapter_config.json there or one folder below.")
        failed = 0
        for path in folders:
            try:
                revision, is_new = load_folder(path, user=user)
            except PublishError as error:
                failed += 1
                self.stderr.write(f"{path.name}: {error.detail} ({error.code})")
                continue
            self.stdout.write(f"{revision.module.full_name} {'published' if is_new else 'is there already'}")
        if failed:
            raise CommandError(f"{failed} of {len(folders)} could not be published.")
