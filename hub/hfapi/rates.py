"""How often one may ask: so many requests in a window of five minutes, counted by each web process for itself.

The clients read the two headers (an IETF draft, ratelimit-headers-10) and wait by themselves.
"""

import threading
import time
from dataclasses import dataclass

from django.conf import settings

from hub.hfapi.errors import HubError

SECONDS = 300
MANY = 10_000  # askers that are remembered at once

_lock = threading.Lock()
_windows: dict[str, tuple[int, int]] = {}  # who -> (number of the window, requests in it)


@dataclass(frozen=True, slots=True)
class Window:
    """The present window of one asker. left: requests after this one; seconds: until the next window; most: in a window."""

    left: int
    seconds: int
    most: int

    def check(self) -> None:
        """Raises HubError too_many_requests (429)."""
        if self.left < 0:
            raise HubError(
                "too_many_requests", f"Too many requests; wait {self.seconds} seconds.", status=429
            )

    def headers(self, *, exceeded: bool) -> dict[str, str]:
        policy = f'"fixed window";"api";q={self.most};w={SECONDS}'
        found = {"RateLimit": f'"api";r={max(self.left, 0)};t={self.seconds}', "RateLimit-Policy": policy}
        return found | ({"Retry-After": str(self.seconds)} if exceeded else {})


def count(who: str, most: int | None = None) -> Window:
    """One more request of this asker, who has `most` in a window: HF_REQUESTS unless told."""
    most = settings.HF_REQUESTS if most is None else most
    now = time.time()
    number = int(now // SECONDS)
    with _lock:
        if len(_windows) > MANY:
            for key in [key for key, (old, _) in _windows.items() if old != number]:
                del _windows[key]
        last, used = _windows.get(who, (number, 0))
        used = used + 1 if last == number else 1
        _windows[who] = (number, used)
    return Window(most - used, SECONDS - int(now % SECONDS), most)
