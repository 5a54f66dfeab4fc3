"""Weights and adapters -> one adapter; and one adapter -> a smaller one. Tensors in, tensors out."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from composer.adapters import Adapter, Factors
from composer.conversions import product_svd
from composer.errors import IncompatibleAdapters

METHODS = ("deltas", "factors")


def mixing_of(method: str) -> str:
    """How a running model mixes modules whose composition is made by `method`: "factors" or "deltas".

    "faithful" mixes as deltas: what runs mixed there is a module alone or a mean of them, the same by all methods.
    """
    return method if method == "factors" else "deltas"


def combine(method: str, adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The adapter that `method` makes of the adapters: "deltas" or "factors"."""
    return combine_factors(adapters, weights) if method == "factors" else combine_deltas(adapters, weights)


def combine_deltas(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The adapter whose update is the weighted sum of the adapters' updates: sum of w_i s_i B_i A_i in every layer.

    weights: [n_modules], unitless. Factors are concatenated along the rank: A [sum of ranks, d_in],
    B [d_out, sum of ranks], each adapter's weight and own scale folded into its B. Exact for mixed ranks and for
    adapters that touch different layers. Adapters of weight zero are left out (but one is kept, if all are zero).

    Raises IncompatibleAdapters if two adapters give one layer different shapes.
    Source: PEFT add_weighted_adapter(combination_type="cat"); contrast LoraHub, arXiv:2307.13269, eq. 2.
    """
    check_compatible(adapters)
    used = [(a, float(w)) for a, w in zip(adapters, weights, strict=True) if w != 0] or [(adapters[0], 0.0)]
    factors = {}
    for layer in _layers([adapter for adapter, _ in used]):
        parts = [(adapter.factors[layer], w) for adapter, w in used if layer in adapter.factors]
        factors[layer] = Factors(
            a=torch.cat([f.a for f, _ in parts]), b=torch.cat([f.b * (w * f.scale) for f, w in parts], dim=1)
        )
    return _composition(adapters, factors)


def combine_factors(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The adapter (sum of w_i s_i B_i)(sum of w_i A_i), as LoraHub publishes it (arXiv:2307.13269, eq. 2).

    Smaller ranks are padded with zeros; each adapter's own scale is folded into its B (the published code applies one
    adapter's to all, see composer.faithful). Mind the traps: the product is even in the weights, so one adapter at -0.5 acts
    like +0.25; it has no gradient at zero; and it depends on how each adapter happens to be factored.

    Raises IncompatibleAdapters as `combine_deltas`.
    """
    check_compatible(adapters)
    factors = {}
    for layer in _layers(adapters):
        parts = [
            (x.factors[layer], float(w)) for x, w in zip(adapters, weights, strict=True) if layer in x.factors
        ]
        rank = max(f.rank for f, _ in parts)
        a = parts[0][0].a.new_zeros(rank, parts[0][0].a.shape[1])
        b = parts[0][0].b.new_zeros(parts[0][0].b.shape[0], rank)
        for f, w in parts:
            a[: f.rank] += w * f.a
            b[:, : f.rank] += (w * f.scale) * f.b
        factors[layer] = Factors(a=a, b=b)
    return _composition(adapters, factors)


def compress(adapter: Adapter, rank: int) -> tuple[Adapter, float]:
    """The closest adapter of at most this rank in every layer, and its relative error.

    The error is the Frobenius norm of all that was cut, over that of the whole update (0 for a zero update). The
    update is never formed (product_svd), and no other of this rank is closer (Eckart-Young). Singular values are split
    evenly between both factors, which keeps them well within 16-bit range.
    """
    factors, cut, whole = {}, 0.0, 0.0
    for layer, f in adapter.factors.items():
        u, s, v = product_svd(f.b.double() * f.scale, f.a)
        keep = min(rank, len(s))
        cut += float(s[keep:].square().sum())
        whole += float(s.square().sum())
        root = s[:keep].sqrt()
        factors[layer] = Factors(
            a=(v[:, :keep] * root).T.float().contiguous(), b=(u[:, :keep] * root).float()
        )
    error = (cut / whole) ** 0.5 if whole > 0 else 0.0
    return replace(adapter, factors=factors), error


def check_compatible(adapters: Sequence[Adapter]) -> None:
    """Raises IncompatibleAdapters, naming both, if there are no adapters or two disagree about a layer's shape."""
    if not adapters:
        raise IncompatibleAdapters("there are no adapters to compose")
    seen: dict[str, tuple[Adapter, tuple[int, int]]] = {}
    for adapter in adapters:
        for layer, f in adapter.factors.items():
            shape = (f.b.shape[0], f.a.shape[1])
            other, expected = seen.setdefault(layer, (adapter, shape))
            if shape != expected:
                raise IncompatibleAdapters(
                    f"{adapter.name} ({adapter.base_model}) and {other.name} ({other.base_model}) are made for different "
                    f"base models: {layer} is {shape[0]} x {shape[1]} in one and {expected[0]} x {expected[1]} in the other"
                )


def _composition(adapters: Sequence[Adapter], factors: dict[str, Factors]) -> Adapter:
    return replace(
        adapters[0],
        name="composition",
        factors=factors,
        fan_in_fan_out=any(adapter.fan_in_fan_out for adapter in adapters),
        conversion_error=max(adapter.conversion_error for adapter in adapters),
    )


def _layers(adapters: Sequence[Adapter]) -> list[str]:
    return sorted({layer for adapter in adapters for layer in adapter.factors})
