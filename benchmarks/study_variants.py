"""The searches that the study compares, and what it takes from the path of one: each is a way to choose weights.

A trajectory is what one search asked for, with the losses of every single example; several rules can read the weights off
the same trajectory, so that averaging the iterates, say, costs the study no further evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.search import make_search
from composer.search.base import Search
from composer.search.probe import ProbeSearch

Array = NDArray[np.float64]
BUDGET, BOUND, PENALTY = 40, 1.5, 0.05
AVERAGED = 5  # best iterates whose mean is taken


@dataclass(frozen=True, slots=True)
class Trajectory:
    """candidates: [evaluations, n_modules]; losses: [evaluations, n_examples]; objectives: [evaluations]."""

    candidates: Array
    losses: Array
    objectives: Array

    def best(self, evaluations: int | None = None) -> Array:
        """The weights of the lowest objective among the first so many evaluations."""
        return np.asarray(self.candidates[self.objectives[:evaluations].argmin()])

    def averaged(self) -> Array:
        """The mean of the best five iterates."""
        return np.asarray(self.candidates[np.argsort(self.objectives, kind="stable")[:AVERAGED]].mean(axis=0))

    def left_out(self) -> Array:
        """For each example the best iterate by the other examples; the mean of these weights (a jackknife)."""
        price = self.objectives - self.losses.mean(axis=1)
        others = (self.losses.sum(axis=1, keepdims=True) - self.losses) / (self.losses.shape[1] - 1)
        return np.asarray(self.candidates[(others + price[:, None]).argmin(axis=0)].mean(axis=0))


def probe(**changes: Any) -> Callable[[int, int], Search]:
    return lambda count, seed: ProbeSearch(
        count=count, budget=BUDGET, seed=seed, bound=BOUND, penalty=PENALTY, **changes
    )


def plain(name: str) -> Callable[[int, int], Search]:
    return lambda count, seed: make_search(
        name, count=count, budget=BUDGET, seed=seed, bound=BOUND, penalty=PENALTY
    )


# name -> (method, search)
SEARCHES: dict[str, tuple[str, Callable[[int, int], Search]]] = {
    "published": ("factors", plain("ngopt")),
    "probe": ("deltas", probe(keep=6, pull=0.1)),
    "probe, keep 3": ("deltas", probe(keep=3)),
    "probe, keep 4": ("deltas", probe(keep=4)),
    "probe, keep 10": ("deltas", probe(keep=10)),
    "probe, no pull": ("deltas", probe(keep=6, pull=0.0)),
    "probe, pull 0.4": ("deltas", probe(keep=6, pull=0.4)),
    "probe, factors": ("factors", probe(keep=6)),
    "probe, cma": ("deltas", probe(keep=6, inner="cma")),
    "deltas from zero": ("deltas", plain("cobyla")),
}
# Read off the trajectory of "probe".
RULES: dict[str, Callable[[Trajectory], Array]] = {
    "probe, 5 iterates averaged": Trajectory.averaged,
    "probe, jackknife of iterates": Trajectory.left_out,
    "probe, stopped at 25": lambda path: path.best(25),
    "probe, stopped at 30": lambda path: path.best(30),
}
FIXED = ("base", "best single", "uniform", "softmax of the probes", "placebo")
# Not from the 20 modules drawn, but from the whole library, its selection paid for out of the same 40 evaluations.
LIBRARY = "probe, from the library"
LIBRARY_EARLY = "probe, from the library, stopped at 30"
LIBRARY_SINGLE = "best single of the library"
FROM_LIBRARY = (LIBRARY, LIBRARY_EARLY, LIBRARY_SINGLE)
SELECTION, KEPT = 20, 10  # evaluations spent on choosing, modules left
VARIANTS = (*FIXED, *SEARCHES, *RULES, *FROM_LIBRARY)


def follow(search: Search, losses_of: Callable[[Array], Array]) -> Trajectory:
    """Run a search to its end. losses_of: candidates [population, n_modules] -> losses [population, n_examples]."""
    rows = []
    while len(asked := search.ask()):
        found = losses_of(asked)
        rows.append(found)
        search.tell(found.mean(axis=1))
    search.close()
    return Trajectory(search.candidates, np.concatenate(rows), search.objectives)
