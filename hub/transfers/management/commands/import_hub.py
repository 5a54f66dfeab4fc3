"""manage.py import_hub lorahub/* --as alice: import from Hugging Face or another hub, here and now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.accounts.models import Namespace, User
from hub.transfers import runner, services
from hub.transfers.errors import TransferError


class Command(BaseCommand):
    help = "Import a module (owner/name) or all adapters of an account (owner/*) from another hub."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source")
        parser.add_argument("--as", dest="user", required=True, help="username of who imports")
        parser.add_argument("--to", default="", help="organisation that gets the modules; default: the user")
        parser.add_argument("--endpoint", default="", help="one of HUB_IMPORT_HOSTS; default huggingface.co")
        parser.add_argument("--revision", default="")
        parser.add_argument("--private", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["user"]).first()
        namespace = Namespace.objects.filter(name__iexact=options["to"] or options["user"]).first()
        if user is None or namespace is None:
            raise CommandError("There is no such user or organisation.")
        try:
            made = services.request_import(
                user=user,
                namespace=namespace,
                source=options["source"],
                endpoint=options["endpoint"],
                revision=options["revision"],
                private=options["private"],
            )
        except TransferError as error:
            raise CommandError(error.detail) from error
        runner.run_import(made.pk)
        made.refresh_from_db()
        for item in made.items.select_related("revision__module__namespace"):
            module = f" -> {item.revision.module.full_name}" if item.revision else ""
            self.stdout.write(f"{item.source}: {item.get_status_display()}{module} {item.error}".rstrip())
        if made.error:
            raise CommandError(made.error)
