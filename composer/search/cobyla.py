"""COBYLA (Powell 1994; PRIMA's, in SciPy) as ask and tell: linear models in a shrinking trust region."""

import queue
import threading

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
WORST = 1e6  # instead of +inf: COBYLA's linear models need finite values


class Cobyla:
    """Minimises within a box, one point at a time. `ask` gives None when the trust region has shrunk to `smallest`.

    SciPy calls the function; here it runs in a thread of its own that waits in each call for `tell`. The points depend on
    the values told and on nothing else.
    """

    def __init__(
        self, start: Array, *, low: float, high: float, radius: float, smallest: float = 0.01, most: int
    ) -> None:
        self._points: queue.Queue[Array | Exception | None] = queue.Queue()
        self._values: queue.Queue[float | None] = queue.Queue()
        self._arguments = (start, low, high, radius, smallest, most)
        self._thread: threading.Thread | None = None

    def ask(self) -> Array | None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="cobyla")
            self._thread.start()
        point = self._points.get()
        if point is None or isinstance(point, Exception):
            self._thread.join()
        if isinstance(point, Exception):
            raise point
        return point

    def tell(self, value: float) -> None:
        self._values.put(min(value, WORST) if np.isfinite(value) else WORST)

    def close(self) -> None:
        """End the thread, if it waits for a value."""
        if self._thread is not None and self._thread.is_alive():
            self._values.put(None)
            self._thread.join(timeout=5)

    def _run(self) -> None:
        from scipy.optimize import minimize  # type: ignore[import-untyped]

        start, low, high, radius, smallest, most = self._arguments

        def value_at(x: Array) -> float:
            # PRIMA may step outside a bound by a rounding error, or more while a bound is being learned.
            self._points.put(np.clip(x, low, high))
            value = self._values.get()
            if value is None:
                raise _Closed
            return value

        try:
            minimize(
                value_at,
                start,
                method="COBYLA",
                bounds=[(low, high)] * len(start),
                options={"rhobeg": radius, "maxiter": max(most, len(start) + 2), "tol": smallest},
            )
        except _Closed:
            return
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks
            self._points.put(error)
        else:
            self._points.put(None)


class _Closed(Exception):
    pass
