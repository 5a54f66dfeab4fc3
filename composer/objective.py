"""What a search minimises: the few-shot loss, plus a price for large weights and for leaving the start."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def objective(
    losses: Array, candidates: Array, *, penalty: float, start: Array | None = None, pull: float = 0.0
) -> Array:
    """loss + penalty * mean |w| + pull * |w - start|^2 of each candidate, [candidates].

    losses: [candidates], nats per answer token; candidates: [candidates, n_modules]. A loss that is not finite is +inf:
    such a candidate is counted, never chosen. penalty 0.05 is LoraHub's (arXiv:2307.13269); the published code divides
    the loss twice by the number of examples, so that there the penalty weighs more with more examples; not here. The
    pull is ours: with five examples, weights far from a sensible start fit the examples and not the task.
    """
    values = np.where(np.isfinite(losses), losses, np.inf) + penalty * np.abs(candidates).mean(axis=1)
    if start is not None:
        values = values + pull * np.square(candidates - start).sum(axis=1)
    return np.asarray(values, dtype=np.float64)
