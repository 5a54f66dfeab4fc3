"""A second hub, with a database and files of its own: python -m tests.hub.transfers.second_hub PORT. HUB_DATA is its folder.

It has far/opposites (two revisions, a licence, a card, a nested file), far/third, far/secret (private), far/pickled (a draft
with a config alone).
"""

import os
import sys
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from gunicorn.app.wsgiapp import run  # noqa: E402

from hub import embedded  # noqa: E402


def fill(place: Path) -> None:
    from hub.accounts import services as accounts
    from hub.registry.services import ModuleMetadata, create_draft, publish_revision
    from tests.composer.adapter_folder import write_adapter
    from tests.hub.registry.conftest import CARD

    far = accounts.create_user("far", "far@example.org", "a long password")

    def publish(name: str, **options: object) -> None:
        folder = write_adapter(place / name)
        (folder / "README.md").write_text(CARD)
        (folder / "notes.txt").write_text(f"{name} {options.get('message', '')}\n")
        files = {("eval/notes.txt" if p.name == "notes.txt" else p.name): p for p in folder.iterdir()}
        publish_revision(
            user=far,
            namespace=far.namespace,
            name=name,
            files=files,
            metadata=ModuleMetadata(),
            **options,  # type: ignore[arg-type]
        )

    publish("opposites")
    publish("opposites", create=False, message="second")
    publish("third")
    publish("secret", private=True)
    create_draft(user=far, namespace=far.namespace, name="draft")


if __name__ == "__main__":
    embedded.ensure_running(settings.HUB_DATA, options=("fsync=off",))
    call_command("migrate", verbosity=0)
    fill(settings.HUB_DATA / "made")
    options = f"--bind 127.0.0.1:{sys.argv[1]} --worker-class gthread --threads 4 --no-control-socket"
    sys.argv = ["gunicorn", "hub.wsgi:application", *options.split()]
    run()  # in this very process: its database stops with it
