from typing import Any

from django.core.management.base import BaseCommand

from hub.jobs.sweeper import sweep


class Command(BaseCommand):
    help = "Send queued and abandoned compose jobs to the workers again."

    def handle(self, *args: Any, **options: Any) -> None:
        sent = sweep()
        self.stdout.write(f"sent again: {', '.join(map(str, sent)) or 'none'}")
