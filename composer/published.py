"""The published search as a method of compose(): composer.faithful's compositions, one after another, and their loss."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.evaluator import Evaluator, Pulse
from composer.faithful import Drift, published_loss
from composer.prompts import EncodedRow

Array = NDArray[np.float64]


class PublishedRun:
    """What lorahub 0.1.0 would compute, in its order. The package itself loads encoder-decoder models only; the arithmetic
    is the same for others. One candidate at a time: each changes the modules that the next is made of.

    Raises IncompatibleAdapters where the package refuses: a rank or another size differs from the first's.
    """

    def __init__(
        self, base: BaseModel, adapters: Sequence[Adapter], rows: Sequence[EncodedRow], *, pulse: Pulse
    ) -> None:
        self._drift = Drift(adapters)
        self._base, self._rows, self._pulse = base, rows, pulse
        self._lengths = [len(row.answer) for row in rows]

    def losses(self, candidates: Array) -> Array:
        """The published loss of each candidate, [candidates] (see faithful.published_loss: nats, divided twice)."""
        return np.array([self._loss(self._drift.step(list(weights))) for weights in candidates])

    def skip(self, candidates: Array) -> None:
        """The same without a forward, where the losses are known from an earlier run."""
        for weights in candidates:
            self._drift.step(list(weights))

    def final(self, weights: Array) -> Adapter:
        """What the package gives back at the end: one composition more, at the best weights."""
        return self._drift.step(list(weights))

    def _loss(self, composed: Adapter) -> float:
        evaluator = Evaluator(self._base, [composed], pulse=self._pulse)
        return published_loss(evaluator.losses(np.ones((1, 1)), self._rows)[0], self._lengths)
