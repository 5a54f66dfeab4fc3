"""manage.py createtoken USER [--create] [--scope write] [--days 90]: print a new API token."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hub.accounts import services
from hub.accounts.models import User


class Command(BaseCommand):
    help = "Print a new API token for a user. Nothing else goes to standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--create", action="store_true", help="make the user if there is none (no password)"
        )
        parser.add_argument("--scope", choices=["read", "write"], default="write")
        parser.add_argument(
            "--name", default="createtoken", help="what the token is for (default: createtoken)"
        )
        parser.add_argument("--days", type=int, help="days until it ends (default: no end)")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["user"]
        days = options["days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days: a whole number from 1 to 3650")
        user = User.objects.filter(username__iexact=name).first()
        if user is None:
            if not options["create"]:
                raise CommandError(f"There is no user “{name}”. Add --create to make one.")
            try:
                user = services.create_user(name)
            except services.AccountError as error:
                raise CommandError(str(error)) from error
        expires_at = timezone.now() + timedelta(days=days) if days else None
        _, plaintext = services.create_token(
            user=user, name=options["name"], scope=options["scope"], expires_at=expires_at
        )
        self.stdout.write(plaintext)
