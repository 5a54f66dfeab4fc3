"""Combination and compression, against explicit dense sums and PEFT 0.21.2's add_weighted_adapter("cat")."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from composer.adapters import Adapter, Factors, load_adapter
from composer.errors import IncompatibleAdapters
from composer.methods import combine_deltas, combine_factors, compress
from tests import tiny

WEIGHTS = [0.7, -0.4, 1.3]


def dense_sum(adapters: Sequence[Adapter], weights: Sequence[float], layer: str) -> torch.Tensor:
    parts = [
        (w * x.factors[layer].dense()) for w, x in zip(weights, adapters, strict=True) if layer in x.factors
    ]
    return torch.stack(parts).sum(dim=0)


def refactored(adapter: Adapter) -> Adapter:
    """The same update written with other factors: B M and M^-1 A."""
    factors = {}
    for layer, f in adapter.factors.items():
        m = torch.linalg.qr(torch.randn(f.rank, f.rank, dtype=torch.float64))[0] * 3
        a = (torch.linalg.inv(m) @ f.a.double()).float()
        factors[layer] = Factors(a=a, b=(f.b.double() @ m).float(), scale=f.scale)
    return replace(adapter, factors=factors)


def test_deltas_are_the_explicit_dense_sum(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    adapters = mixed_adapters("llama")
    combined = combine_deltas(adapters, WEIGHTS)
    for layer, f in combined.factors.items():
        torch.testing.assert_close(f.dense(), dense_sum(adapters, WEIGHTS, layer), atol=1e-6, rtol=0)
        assert f.rank == 4 + 2 + 3


def test_deltas_match_peft_cat(tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path]) -> None:
    folders = [tiny_module("llama", r=r, alpha=alpha, seed=r) for r, alpha in ((4, 8), (2, 6), (3, 5))]
    model = PeftModel.from_pretrained(tiny.load_model(tiny_folder("llama")), folders[0], adapter_name="m0")
    for index in (1, 2):
        model.load_adapter(folders[index], adapter_name=f"m{index}")
    model.add_weighted_adapter(["m0", "m1", "m2"], WEIGHTS, "sum", combination_type="cat")
    combined = combine_deltas([load_adapter(f) for f in folders], WEIGHTS)
    for layer, f in combined.factors.items():
        theirs = model.base_model.model.get_submodule(layer).get_delta_weight("sum")
        torch.testing.assert_close(f.dense(), theirs.detach(), atol=1e-6, rtol=0)


def test_deltas_do_not_depend_on_how_an_adapter_is_factored(
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    adapters = mixed_adapters("llama")
    again = combine_deltas([refactored(a) for a in adapters], WEIGHTS)
    for layer, f in combine_deltas(adapters, WEIGHTS).factors.items():
        torch.testing.assert_close(again.factors[layer].dense(), f.dense(), atol=1e-5, rtol=0)


def test_adapters_may_touch_different_layers(tiny_module: Callable[..., Path]) -> None:
    adapters = [
        load_adapter(tiny_module("llama", r=2, targets=("q_proj",))),
        load_adapter(tiny_module("llama", r=3, targets=("v_proj", "down_proj"))),
    ]
    combined = combine_deltas(adapters, [1.0, 2.0])
    assert len(combined.factors) == 2 + 4
    for layer, f in combined.factors.items():
        torch.testing.assert_close(f.dense(), dense_sum(adapters, [1.0, 2.0], layer), atol=1e-6, rtol=0)


def test_modules_of_weight_zero_are_left_out(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    adapters = mixed_adapters("llama")
    assert combine_deltas(adapters, [0.0, 1.0, 0.0]).rank == 2
    assert all(not f.dense().any() for f in combine_deltas(adapters, [0.0] * 3).factors.values())


def test_factors_are_the_product_of_the_weighted_sums(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    adapters = mixed_adapters("llama")
    for layer, f in combine_factors(adapters, WEIGHTS).factors.items():
        a, b = torch.zeros(4, f.a.shape[1]), torch.zeros(f.b.shape[0], 4)
        for weight, adapter in zip(WEIGHTS, adapters, strict=True):
            part = adapter.factors[layer]
            a[: part.rank] += weight * part.a
            b[:, : part.rank] += weight * part.scale * part.b
        torch.testing.assert_close(f.dense(), b @ a, atol=1e-5, rtol=0)


def test_factors_lose_the_sign_of_a_single_module(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    """Why deltas is the default: at -0.5 the published map adds +0.25 of the module."""
    adapter = mixed_adapters("llama")[0]
    for layer, f in combine_factors([adapter], [-0.5]).factors.items():
        torch.testing.assert_close(f.dense(), 0.25 * adapter.factors[layer].dense())


def test_compression_is_the_best_of_its_rank_and_reports_its_error(
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    exact = combine_deltas(mixed_adapters("llama"), WEIGHTS)
    small, error = compress(exact, 3)
    cut = whole = 0.0
    for layer, f in exact.factors.items():
        u, s, vh = torch.linalg.svd(f.dense().double())
        best = (u[:, :3] * s[:3]) @ vh[:3]
        torch.testing.assert_close(small.factors[layer].dense().double(), best, atol=1e-5, rtol=0)
        cut, whole = cut + float(s[3:].square().sum()), whole + float(s.square().sum())
    assert error == pytest.approx((cut / whole) ** 0.5, abs=1e-6)
    assert small.rank == 3


def test_compression_to_a_sufficient_rank_loses_nothing(
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    exact = combine_deltas(mixed_adapters("llama"), WEIGHTS)
    same, error = compress(exact, 64)
    assert error == 0.0
    for layer, f in exact.factors.items():
        torch.testing.assert_close(same.factors[layer].dense(), f.dense(), atol=1e-5, rtol=0)


def test_a_zero_update_compresses_without_error(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    small, error = compress(combine_deltas(mixed_adapters("llama"), [0.0] * 3), 2)
    assert error == 0.0
    assert all(not f.dense().any() for f in small.factors.values())


def test_adapters_of_different_base_models_are_named(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    one = mixed_adapters("llama")[0]
    layer, f = next(iter(one.factors.items()))
    other = Adapter("other", "another/base", {layer: Factors(torch.zeros(2, 7), f.b[:, :2])})
    with pytest.raises(IncompatibleAdapters, match=r"other.*another/base"):
        combine_deltas([one, other], [1.0, 1.0])
    with pytest.raises(IncompatibleAdapters, match="no adapters"):
        combine_deltas([], [])
