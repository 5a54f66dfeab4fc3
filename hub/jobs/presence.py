"""What a worker does beside its jobs. The parent, without loading torch, says that it lives, sends forgotten jobs again, and
tells a child that works on a job to hand it over when the worker is asked to stop. A child gets ready before its first job.
"""

import logging
import mmap
import os
import socket
import threading
from typing import Any

from celery import bootsteps
from celery.signals import worker_process_init, worker_shutting_down
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from hub.supervisor import die_with_parent

PULSE = 5.0  # seconds

log = logging.getLogger(__name__)

# One byte shared with the children that are forked later: is this worker stopping?
_stopping = mmap.mmap(-1, 1)


def is_stopping() -> bool:
    """True once the worker was asked to stop. Read in the child, set in its parent."""
    return _stopping[0] == 1


@worker_shutting_down.connect
def _tell_children(**kwargs: Any) -> None:
    _stopping[0] = 1


@worker_process_init.connect
def _die_with_parent(**kwargs: Any) -> None:
    """A child whose parent was killed must not linger: it would hold a job that nobody watches."""
    die_with_parent()


@worker_process_init.connect
def _get_ready(**kwargs: Any) -> None:
    """Load torch and the default base model in the background: the first job of a child starts some 15 s earlier."""
    threading.Thread(target=_load, name="get-ready", daemon=True).start()


def _load() -> None:
    try:
        from hub.registry.models import BaseModel

        if BaseModel.objects.filter(is_default=True).exists():  # a hub without one has no jobs to hurry for
            from hub.jobs import runner, warm  # noqa: F401  loads torch: child only

            warm.preload()
    except Exception as error:  # noqa: BLE001  the job that needs it will say what is wrong
        log.warning("the base model could not be loaded in advance: %s", error)
    finally:
        connection.close()


def pulse(name: str) -> None:
    """Write the presence row, and send again what was forgotten."""
    from hub.jobs.models import Worker
    from hub.jobs.sweeper import sweep

    try:
        Worker.objects.update_or_create(name=name, defaults={"last_seen": Now()})
        if not is_stopping():  # else this very worker would take the job that it has just handed over
            sweep()
    except DatabaseError as error:
        log.warning("the database does not answer the worker's pulse: %s", error)
    finally:
        connection.close()  # never held over a fork


def say_goodbye(name: str) -> None:
    """Remove the presence row of a worker that stops in order."""
    from hub.jobs.models import Worker

    try:
        Worker.objects.filter(name=name).delete()
    except DatabaseError as error:
        log.warning("the presence row of %s stays: %s", name, error)
    finally:
        connection.close()


class Pulse(bootsteps.StartStopStep):
    """A thread in the worker's parent. Add it with `app.steps["worker"].add(Pulse)`."""

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.worker_name = f"{socket.gethostname()}:{os.getpid()}"
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self, parent: Any) -> None:
        self.thread.start()

    def stop(self, parent: Any) -> None:
        self.stopped.set()
        self.thread.join(timeout=2)
        say_goodbye(self.worker_name)

    def _run(self) -> None:
        while True:
            pulse(self.worker_name)
            if self.stopped.wait(PULSE):
                return
