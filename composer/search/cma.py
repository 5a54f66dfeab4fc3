"""CMA-ES (Hansen; package `cma`), seeded by generators of our own."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Cma:
    """Diagonal CMA-ES in a box around `start`; `sigma` is the first step size, in units of a weight.

    random: called once per generation; gives the numpy Generator that draws it. pycma itself would disturb numpy's global
    generator, and reads seed 0 as "use the clock".
    """

    def __init__(
        self,
        start: Array,
        *,
        low: float,
        high: float,
        sigma: float,
        random: Callable[[], np.random.Generator],
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about plotting libraries that are not installed
            import cma
        self._random = random
        self._generator = random()
        self.population = 4 + int(3 * math.log(len(start)))
        # pycma has no one-dimensional version: a second coordinate without effect stands in.
        self._dimensions = len(start)
        x0 = start if len(start) > 1 else np.append(start, 0.0)
        options = {
            "seed": math.nan,
            "randn": lambda *shape: self._generator.standard_normal(shape),
            "bounds": [low, high],
            "popsize": self.population,
            "CMA_diagonal": True,
            "verbose": -9,
            "verb_log": 0,
            "maxfevals": math.inf,
            "tolfun": 0,
            "tolfunhist": 0,
            "tolx": 0,
            "tolflatfitness": 10**9,
            "tolstagnation": 0,
        }
        self._strategy: Any = cma.CMAEvolutionStrategy(np.clip(x0, low, high), sigma, options)
        self._solutions: list[Array] = []

    def ask(self) -> Array:
        """[population, dimensions]"""
        self._generator = self._random()
        self._solutions = self._strategy.ask(self.population)
        return np.array(self._solutions)[:, : self._dimensions]

    def tell(self, values: Array) -> None:
        """Values of the generation; one that was cut short by the budget is not told."""
        if len(values) == len(self._solutions):
            self._strategy.tell(self._solutions, list(np.where(np.isfinite(values), values, 1e6)))
