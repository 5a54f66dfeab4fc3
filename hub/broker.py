"""The queue of files in HUB_DATA: kombu's filesystem transport, made quick to stop.

Celery looks at "please stop" only between two waits of two seconds, and waits once more after it has seen it. This
transport cuts a wait short, so that a worker without work stops within a second.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

LONGEST_WAIT = 0.3  # seconds


class Transport(filesystem.Transport):
    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        super().drain_events(connection, timeout=min(timeout or LONGEST_WAIT, LONGEST_WAIT))


TRANSPORT_ALIASES["hubfiles"] = "hub.broker:Transport"
