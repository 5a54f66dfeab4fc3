"""Sketches: the same for the same update however it is written, near for near ones, apart for others."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from composer.adapters import Adapter, Factors
from composer.same_update import are_same, first_of_each
from composer.sketch import SIZE, sketch_adapter

LAYERS = [f"model.layers.{i}.{name}" for i in range(10) for name in ("q_proj", "v_proj")]


def adapter(seed: int, rank: int = 8) -> Adapter:
    random = torch.Generator().manual_seed(seed)
    factors = {
        layer: Factors(
            torch.randn(rank, 96, generator=random), torch.randn(64, rank, generator=random), scale=2.0
        )
        for layer in LAYERS
    }
    return Adapter(f"m{seed}", "base", factors)


def changed(source: Adapter, change: Callable[[Factors], Factors]) -> Adapter:
    return replace(source, factors={layer: change(f) for layer, f in source.factors.items()})


def refactored(f: Factors) -> Factors:
    """B M and M^-1 A: the same update in other numbers, another scale, and a rank padded with zeros."""
    m = torch.linalg.qr(torch.randn(f.rank, f.rank))[0] * 3
    a, b = torch.linalg.inv(m) @ f.a, f.b @ m * f.scale
    return Factors(torch.cat([a, torch.zeros(4, 96)]), torch.cat([b, torch.zeros(64, 4)], dim=1), 1.0)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_same_update_has_the_same_sketch() -> None:
    torch.manual_seed(0)
    sketch = sketch_adapter(adapter(1))
    assert sketch.shape == (SIZE,)
    np.testing.assert_allclose(sketch_adapter(changed(adapter(1), refactored)), sketch, rtol=1e-3, atol=1e-2)


def test_length_and_distance_are_those_of_the_updates() -> None:
    one, noise = adapter(1), adapter(2)
    norm = sum(f.dense().square().sum() for f in one.factors.values()).sqrt().item()
    assert np.linalg.norm(sketch_adapter(one)) == pytest.approx(norm, rel=0.15)
    for share in (0.1, 0.5):
        mixed = replace(
            one,
            factors={
                n: Factors(
                    torch.cat([f.a, noise.factors[n].a]),
                    torch.cat([f.b * f.scale, share * f.scale * noise.factors[n].b], dim=1),
                )
                for n, f in one.factors.items()
            },
        )
        apart = np.linalg.norm(sketch_adapter(mixed) - sketch_adapter(one)) / np.linalg.norm(
            sketch_adapter(one)
        )
        assert apart == pytest.approx(share, rel=0.2)
        assert are_same(sketch_adapter(one), sketch_adapter(mixed)) == (share == 0.1)


def test_other_updates_and_other_sizes_are_others() -> None:
    sketches = [sketch_adapter(adapter(seed)) for seed in range(8)]
    cosines = [abs(cosine(sketches[i], sketches[j])) for i in range(8) for j in range(i)]
    assert max(cosines) < 0.25
    half = sketch_adapter(changed(adapter(0), lambda f: replace(f, scale=1.0)))
    assert cosine(half, sketches[0]) == pytest.approx(1.0)
    assert not are_same(half, sketches[0])


def test_signs_are_fixed_for_ever() -> None:
    one = Adapter("one", "base", {"layer": Factors(torch.ones(1, 8), torch.ones(8, 1))})
    # Seen when stored sketches were first made of it: another value would make those useless.
    assert sketch_adapter(one)[:4].tolist() == [0.5, -0.5, 1.5, 1.0]


def test_of_equal_updates_the_first_stays() -> None:
    a, b = np.eye(2, 5, dtype=np.float32) * 4
    near = a + np.float32(0.3)
    assert first_of_each([a, b, near, None, b, None]) == [0, 1, 3, 5]
    assert first_of_each([near, a]) == [0]
    assert first_of_each([None, None]) == [0, 1]
    assert first_of_each([]) == []
