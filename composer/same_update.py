"""Which of many adapters add nearly the same, by their sketches (composer.sketch). Torch-free."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAME = 0.2  # of the larger: how far two sketches may be apart and still count as one update; a cosine of 0.98


def are_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two sketches are those of nearly the same update."""
    larger = max(np.linalg.norm(one), np.linalg.norm(other))
    return bool(np.linalg.norm(one - other) <= SAME * larger)


def first_of_each(sketches: Sequence[NDArray[np.float32] | None]) -> list[int]:
    """The indices of the adapters that add something that none before them adds; those without a sketch always do."""
    known = [index for index, sketch in enumerate(sketches) if sketch is not None]
    if not known:
        return list(range(len(sketches)))
    matrix = np.stack([sketch for sketch in sketches if sketch is not None]).astype(np.float64)
    products = matrix @ matrix.T
    squares = products.diagonal()
    apart = np.maximum(squares[:, None] + squares[None] - 2 * products, 0)
    same = apart <= SAME**2 * np.maximum(squares[:, None], squares[None])  # [known, known]
    copies: set[int] = set()
    for place, index in enumerate(known):
        if index not in copies:
            copies.update(known[other] for other in np.flatnonzero(same[place]) if other > place)
    return [index for index in range(len(sketches)) if index not in copies]
