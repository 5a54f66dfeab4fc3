"""Random adapters have the sizes of real ones, and nothing else of them."""

from collections.abc import Callable

import pytest
import torch

from composer.adapters import Adapter
from composer.placebo import random_like


def test_layers_ranks_and_norms_are_kept_and_directions_are_not(
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    adapters = mixed_adapters("llama")
    made = random_like(adapters, seed=3)
    for adapter, other in zip(adapters, made, strict=True):
        assert other.factors.keys() == adapter.factors.keys()
        for layer, f in adapter.factors.items():
            fake, real = other.factors[layer].dense(), f.dense()
            assert other.factors[layer].a.shape == f.a.shape
            assert float(fake.norm()) == pytest.approx(float(real.norm()), rel=1e-5)
            assert abs(float((fake * real).sum() / (fake.norm() * real.norm()))) < 0.3


def test_the_same_seed_gives_the_same_ones(mixed_adapters: Callable[[str], list[Adapter]]) -> None:
    adapters = mixed_adapters("gpt2")
    one, same, other = (random_like(adapters, seed=seed)[0].factors for seed in (1, 1, 2))
    for layer, f in one.items():
        assert torch.equal(f.b, same[layer].b)
        assert not torch.equal(f.b, other[layer].b)
