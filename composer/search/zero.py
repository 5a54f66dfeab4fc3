"""Searches that begin at zero and know nothing of single modules: the published one, and chance."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from composer.search.base import Array, Search
from composer.search.cobyla import Cobyla


class CobylaSearch(Search):
    """COBYLA from w = 0 within [-bound, bound]: what nevergrad's NGOpt runs for few evaluations."""

    def __init__(
        self, *, count: int, budget: int, seed: int, bound: float, penalty: float, radius: float = 1.0
    ) -> None:
        super().__init__(count=count, budget=budget, seed=seed, bound=bound, penalty=penalty)
        self._cobyla = Cobyla(
            np.zeros(count), low=-bound, high=bound, radius=radius, smallest=1e-4, most=budget
        )

    def _propose(self) -> Array:
        point = self._cobyla.ask()
        return np.empty((0, self.count)) if point is None else point[None]

    def _learn(self, candidates: Array, losses: Array) -> None:
        self._cobyla.tell(float(self.objectives[-1]))

    def close(self) -> None:
        self._cobyla.close()


class NgoptSearch(Search):
    """nevergrad's NGOpt from w = 0 within [-bound, bound], as the package lorahub 0.1.0 calls it (arXiv:2307.13269)."""

    def __init__(self, *, count: int, budget: int, seed: int, bound: float, penalty: float) -> None:
        super().__init__(count=count, budget=budget, seed=seed, bound=bound, penalty=penalty)
        # nevergrad runs SciPy's COBYLA in a thread, where only a filter of the process is sure to be seen.
        warnings.filterwarnings("ignore", message="COBYLA: Invalid")
        with self._own_world():
            import nevergrad

            space = nevergrad.p.Array(init=np.zeros(count), lower=-bound, upper=bound)
            space.random_state = np.random.RandomState(seed % 2**32)
            self._optimizer: Any = nevergrad.optimizers.NGOpt(parametrization=space, budget=budget)
        self._point: Any = None

    def _propose(self) -> Array:
        with self._own_world():
            self._point = self._optimizer.ask()
        return np.asarray(self._point.value, dtype=np.float64)[None]

    def _learn(self, candidates: Array, losses: Array) -> None:
        value = float(self.objectives[-1])
        with self._own_world():
            self._optimizer.tell(self._point, value if math.isfinite(value) else 1e6)

    @contextmanager
    def _own_world(self) -> Iterator[None]:
        """nevergrad draws from numpy's global generator and warns of libraries that it can do without; both stay here."""
        state = np.random.get_state()
        np.random.seed([self.seed % 2**32, self.generation])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            np.random.set_state(state)


class RandomSearch(Search):
    """Zero, then uniform draws from the box, ten at a time."""

    def _propose(self) -> Array:
        if self.generation == 0:
            return np.zeros((1, self.count))
        return self.random().uniform(-self.bound, self.bound, size=(10, self.count))
