"""A thread in the worker's parent that sees to the modules without a vector (new, changed, forgotten), and to garbage."""

import logging
import threading
import time
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string

PULSE = 4.0  # seconds
PATIENCE = 16  # seconds: how long a message counts before it is sent again

COLLECT_EVERY = 3600.0  # seconds

log = logging.getLogger(__name__)


def ask_for_vectors() -> bool:
    """Send one message if modules lack a sketch or, on a hub with a sentence model, a vector; whether one was sent."""
    from hub.registry import embedding_model
    from hub.registry.services.sketches import without_sketch
    from hub.registry.services.vectors import without_vector
    from hub.registry.tasks import fill_vectors

    wanting = embedding_model.is_prepared(settings.HUB_DATA) and without_vector().exists()
    if not wanting and not without_sketch().exists():
        return False
    try:
        fill_vectors.apply_async(retry=False, ignore_result=True, expires=PATIENCE)
    except Exception as error:  # noqa: BLE001  each transport fails with classes of its own
        log.warning("vectors of modules wait, the broker does not answer: %s", error)
        return False
    return True


def ask_for_collection() -> None:
    """Send the message that garbage is to be collected. If it is lost, there is another one in an hour."""
    from hub.registry.tasks import collect_garbage

    try:
        collect_garbage.apply_async(retry=False, ignore_result=True, expires=COLLECT_EVERY / 2)
    except Exception as error:  # noqa: BLE001  each transport fails with classes of its own
        log.warning("garbage waits, the broker does not answer: %s", error)


class VectorPulse(bootsteps.StartStopStep):
    """Add it with `app.steps["worker"].add(VectorPulse)`. also: functions of other apps, called at every beat."""

    also: list[str] = []

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="vector-pulse", daemon=True)

    def start(self, parent: Any) -> None:
        self.thread.start()

    def stop(self, parent: Any) -> None:
        self.stopped.set()
        self.thread.join(timeout=2)

    def _run(self) -> None:
        wait = PULSE
        collect_at = time.monotonic() + COLLECT_EVERY / 12  # not while the hub starts
        while not self.stopped.wait(wait):
            try:
                if time.monotonic() > collect_at:
                    collect_at = time.monotonic() + COLLECT_EVERY
                    ask_for_collection()
                for name in self.also:
                    import_string(name)()
                wait = PATIENCE if ask_for_vectors() else PULSE
            except DatabaseError as error:
                log.warning("the database does not answer about vectors: %s", error)
            finally:
                connection.close()  # never held over a fork
