"""A fingerprint of what an adapter adds to its base model: 256 numbers that do not depend on how its factors are written.

Two adapters with the same update have the same sketch, whatever their ranks and factors; the distance of two sketches
estimates that of the updates (a few per cent off), and unrelated updates have a cosine within about 0.1 of zero.
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from composer.adapters import Adapter

SIDE = 16
SIZE = SIDE * SIDE

Sketch = NDArray[np.float32]


def sketch_adapter(adapter: Adapter) -> Sketch:
    """[256], in the unit of the update's Frobenius norm: the sum over layers of R^T (s B A) C with random signs R, C.

    The signs of a layer depend on its name and shape alone, so sketches of all adapters of a base model can be compared.
    Source: sign random projections (Achlioptas 2003), on both sides of each matrix.
    """
    total = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    for layer, f in adapter.factors.items():
        left = _signs(f"{layer} out", f.b.shape[0])
        right = _signs(f"{layer} in", f.a.shape[1])
        total += ((left.T @ f.b) @ (f.a @ right)).double() * (f.scale / SIDE)
    found: Sketch = total.flatten().numpy().astype(np.float32)
    return found


def _signs(name: str, count: int) -> torch.Tensor:
    """[count, 16] of -1 and 1, the same on every machine and in every version of every library."""
    data = hashlib.shake_128(name.encode()).digest(count * SIDE // 8)
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8)).astype(np.float32)
    return torch.from_numpy(2 * bits - 1).view(count, SIDE)
