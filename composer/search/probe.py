"""Probe every module alone in one generation, then search among the best few from a warm start."""

from typing import Literal

import numpy as np

from composer.search.base import Array, Search
from composer.search.cma import Cma
from composer.search.cobyla import Cobyla

TEMPERATURE = 0.5  # nats: of the softmax over the modules' losses that makes the start
KEEP = 6
RADIUS = 0.25
PULL = 0.1


class ProbeSearch(Search):
    """First generation: the uniform mean and every module alone (as many as the budget allows; the order given is kept).

    Second: the start, softmax(-loss / 0.5) over the best `keep` modules; the others stay at zero. Then a trust region
    (COBYLA) or CMA-ES on these few weights, non-negative, and pulled towards the start.

    Few-shot losses mislead: in our trials few free weights, a start from the probes, a pull towards it and weights >= 0
    made the few-shot loss worse and the held-out loss better.
    """

    def __init__(
        self,
        *,
        count: int,
        budget: int,
        seed: int,
        bound: float,
        penalty: float,
        inner: Literal["cobyla", "cma"] = "cobyla",
        keep: int = KEEP,
        pull: float = PULL,
        radius: float = RADIUS,
        temperature: float = TEMPERATURE,
    ) -> None:
        super().__init__(count=count, budget=budget, seed=seed, bound=bound, penalty=penalty)
        self.inner, self.keep, self.radius, self.temperature = inner, keep, radius, temperature
        self._wanted_pull = pull
        self.kept: list[int] = []
        self._cobyla: Cobyla | None = None
        self._cma: Cma | None = None

    def _propose(self) -> Array:
        if self.generation == 0:
            alone = np.eye(self.count)
            uniform = np.full((1, self.count), 1 / self.count)
            return alone if self.count == 1 else np.concatenate([uniform, alone])
        if self.generation == 1:
            assert self.start is not None
            # A start that was probed already (one module far ahead of all) is not evaluated twice.
            if not any(np.array_equal(self.start, tried) for tried in self.candidates):
                return self.start[None]
        if self._cobyla is None and self._cma is None:
            self._begin()
        if self._cma is not None:
            return self._whole(self._cma.ask())
        assert self._cobyla is not None
        point = self._cobyla.ask()
        return np.empty((0, self.count)) if point is None else self._whole(point[None])

    def _learn(self, candidates: Array, losses: Array) -> None:
        if self.generation == 1:
            self.start = self._warm_start(candidates, losses)
            self.pull = self._wanted_pull
        elif self._cma is not None:
            self._cma.tell(self.objectives[-len(losses) :])
        elif self._cobyla is not None:
            self._cobyla.tell(float(self.objectives[-1]))

    def _warm_start(self, candidates: Array, losses: Array) -> Array:
        """softmax(-loss / temperature) over the best probed modules, [count]; the uniform mean if none was probed."""
        probes = {
            int(np.argmax(c)): loss
            for c, loss in zip(candidates, losses, strict=True)
            if np.count_nonzero(c) == 1
        }
        finite = sorted((loss, module) for module, loss in probes.items() if np.isfinite(loss))
        self.kept = sorted(module for _, module in finite[: self.keep])
        if not self.kept:
            self.kept = list(range(min(self.keep, self.count)))
            return np.full(self.count, 1 / self.count)
        start = np.zeros(self.count)
        values = np.array([probes[module] for module in self.kept])
        share = np.exp(-(values - values.min()) / self.temperature)
        start[self.kept] = share / share.sum()
        return start

    def _begin(self) -> None:
        assert self.start is not None
        start = self.start[self.kept]
        if self.inner == "cma":
            self._cma = Cma(start, low=0.0, high=self.bound, sigma=self.radius, random=self.random)
            return
        self._cobyla = Cobyla(start, low=0.0, high=self.bound, radius=self.radius, most=self.left + 1)
        first = self._cobyla.ask()
        assert first is not None
        # COBYLA begins by asking for its start (up to rounding), whose loss is known.
        known = int(np.abs(self.candidates - self._whole(first[None])).sum(axis=1).argmin())
        self._cobyla.tell(float(self.objectives[known]))

    def _whole(self, points: Array) -> Array:
        """Points of the kept modules as weights of all modules, [population, count]."""
        whole = np.zeros((len(points), self.count))
        whole[:, self.kept] = points
        return whole

    def close(self) -> None:
        if self._cobyla is not None:
            self._cobyla.close()
