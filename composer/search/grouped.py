"""One weight per module first, then a weight for each group of its layers."""

from typing import Literal

import numpy as np

from composer.search.base import Array, Search
from composer.search.cma import Cma
from composer.search.parts import Parts
from composer.search.probe import PULL, ProbeSearch

SIGMA = 0.1  # first step of the weights when they are let go


class GroupedSearch(Search):
    """A search for weights of parts, [population, n_parts].

    The first half of the budget goes to ProbeSearch, a weight per module; the second to CMA-ES over the parts of the modules
    that have a weight in the best of these, non-negative, from that best and pulled towards it. CMA-ES asks for whole
    generations, and was at least as good as COBYLA there (benchmarks/results/layer_groups.md).
    """

    def __init__(
        self,
        *,
        parts: Parts,
        budget: int,
        seed: int,
        bound: float,
        penalty: float,
        inner: Literal["cobyla", "cma"] = "cobyla",
    ) -> None:
        super().__init__(count=len(parts.owner), budget=budget, seed=seed, bound=bound, penalty=penalty)
        self.parts = parts
        # Every module is probed, and the start tried, before anything is let go.
        first = max(budget // 2, min(parts.count + 2, budget))
        self.tied = ProbeSearch(
            count=parts.count, budget=first, seed=seed, bound=bound, penalty=penalty, inner=inner
        )
        self.free: list[int] = []
        self._cma: Cma | None = None

    def _propose(self) -> Array:
        if self._cma is None:
            if len(asked := self.tied.ask()):
                return self.parts.spread(asked)
            self._let_go()
        assert self._cma is not None
        points = self._cma.ask()
        whole = np.zeros((len(points), self.count))
        whole[:, self.free] = points
        return whole

    def _let_go(self) -> None:
        self.tied.close()
        best = self.tied.finalists(1)[0]
        modules = np.flatnonzero(best).tolist() or self.tied.kept or [0]
        self.free = [part for module in modules for part in self.parts.of_module(module)]
        self.start, self.pull = self.parts.spread(best), PULL
        self._cma = Cma(self.start[self.free], low=0.0, high=self.bound, sigma=SIGMA, random=self.random)

    def _learn(self, candidates: Array, losses: Array) -> None:
        if self._cma is not None:
            self._cma.tell(self.objectives[-len(losses) :])
            return
        self.tied.tell(losses)
        if self.tied.start is not None:
            self.start = self.parts.spread(self.tied.start)
            self.pull = self.tied.pull * self.parts.count / self.count

    def close(self) -> None:
        self.tied.close()
