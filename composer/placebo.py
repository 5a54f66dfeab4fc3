"""Adapters that know nothing: the shape, the size and the weights of real ones, in random directions.

If a composition does no better than this, it was not the modules' knowledge that helped.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from composer.adapters import Adapter, Factors


def random_like(adapters: Sequence[Adapter], *, seed: int) -> list[Adapter]:
    """For each adapter one with the same layers, ranks and Frobenius norms of its updates, and random directions.

    A and B are normal; B is scaled so that |s B A| of every layer is that of the original. The same seed gives the same
    adapters, whatever the device; an update of zero stays zero.
    """
    made = []
    for index, adapter in enumerate(adapters):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
        factors = {}
        for layer, f in sorted(adapter.factors.items()):
            a = torch.randn(f.a.shape, generator=generator)
            b = torch.randn(f.b.shape, generator=generator)
            own = product_norm(a, b)
            size = product_norm(f.a, f.b) / own if own else 0.0
            factors[layer] = Factors(a.to(f.a), (b * size).to(f.b), f.scale)
        made.append(replace(adapter, name=f"random {adapter.name}", factors=factors))
    return made


def product_norm(a: Tensor, b: Tensor) -> float:
    """The Frobenius norm of B A without forming it: the root of trace((B^T B)(A A^T)), whose factors are [rank, rank]."""
    a, b = a.double(), b.double()
    return float(((b.T @ b) * (a @ a.T)).sum().clamp(min=0).sqrt())
