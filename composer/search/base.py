"""What all searches have in common: the budget, the record of what was tried, the best of it."""

import numpy as np
from numpy.typing import NDArray

from composer.objective import objective

Array = NDArray[np.float64]
NOTHING = 1e-4  # a smaller weight is zero, so that its module is left out of the result


class Search:
    """A search for weights in [-bound, bound]^count that asks for at most `budget` candidates.

    A subclass proposes the next generation in `_propose`, [population, count], and learns from it in `_learn`. It may
    set `start` and `pull`, which then count in all objectives, those of the past included.
    """

    def __init__(self, *, count: int, budget: int, seed: int, bound: float, penalty: float) -> None:
        self.count, self.budget, self.seed, self.bound, self.penalty = count, budget, seed, bound, penalty
        self.start: Array | None = None
        self.pull = 0.0
        self.candidates = np.empty((0, count))
        self.losses = np.empty(0)
        self.generation = 0
        self._asked = np.empty((0, count))

    def ask(self) -> Array:
        """The next generation, [population, count], the same until it is told; empty when the search is over."""
        if not len(self._asked) and self.left > 0:
            asked = np.clip(self._propose()[: self.left], -self.bound, self.bound)
            self._asked = np.where(np.abs(asked) < NOTHING, 0.0, asked)
        return self._asked

    def tell(self, losses: Array) -> Array:
        """Take the losses of the generation last asked, [population]; their objectives come back."""
        asked, self._asked = self._asked, np.empty((0, self.count))
        losses = np.where(np.isfinite(losses), losses, np.inf)
        self.candidates = np.concatenate([self.candidates, asked])
        self.losses = np.concatenate([self.losses, losses])
        self.generation += 1
        self._learn(asked, losses)
        return self.objectives[-len(asked) :]

    @property
    def left(self) -> int:
        """How many more candidates may be asked."""
        return self.budget - len(self.losses)

    @property
    def objectives(self) -> Array:
        """The objectives of all candidates so far, [evaluations]."""
        return objective(self.losses, self.candidates, penalty=self.penalty, start=self.start, pull=self.pull)

    def finalists(self, most: int) -> Array:
        """The best distinct candidates so far by their objective, best first: [<= most, count]."""
        order = np.argsort(self.objectives, kind="stable")
        best: list[Array] = []
        for candidate in self.candidates[order]:
            if len(best) < most and not any(np.array_equal(candidate, other) for other in best):
                best.append(candidate)
        return np.array(best)

    def random(self) -> np.random.Generator:
        """The generator of this generation: its numbers depend on seed and generation only, not on what was drawn before."""
        return np.random.default_rng([self.seed, self.generation])

    def close(self) -> None:
        """End what a search may have running."""

    def _propose(self) -> Array:
        raise NotImplementedError

    def _learn(self, candidates: Array, losses: Array) -> None:
        """Called after each generation; losses are finite or +inf."""
