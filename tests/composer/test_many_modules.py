"""Hundreds of adapters in one call: read when they are needed, let go again, and told apart in the result."""

import math
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from composer.adapters import Adapter, Factors
from composer.alone import GROUP, AdapterSource, Alone
from composer.base_model import BaseModel
from composer.compose import compose
from composer.errors import AdapterError, ComposerError
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.prompts import EncodedRow
from composer.select import BUDGET, survivors
from composer.settings import ComposeSettings
from tests.composer.test_compose import core, many

SETTINGS = ComposeSettings(budget=6, max_new_tokens=2, max_modules=4)
Adapters = Callable[[str], list[Adapter]]


def huge(adapter: Adapter) -> Adapter:
    return replace(adapter, factors={n: replace(f, b=f.b * 1e38) for n, f in adapter.factors.items()})


def test_of_500_modules_no_more_than_a_group_is_in_memory(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Adapters, examples: list[Example]
) -> None:
    originals = many(mixed_adapters("llama"), 50)
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    loads: list[int] = []
    most = 0

    def source(index: int) -> AdapterSource:
        def load() -> Adapter:
            nonlocal most
            factors = {n: replace(f, a=f.a.clone()) for n, f in originals[index % 50].factors.items()}
            loads.append(index)
            alive.add(next(iter(factors.values())).a)
            most = max(most, len(alive))
            return replace(originals[index % 50], name=f"m{index}", factors=factors)

        return AdapterSource(f"m{index}", load)

    result = compose(tiny_base("llama"), [source(i) for i in range(500)], examples, settings=SETTINGS)
    assert most <= GROUP + 1  # the first of the next group shows that this one is full
    tried = survivors(500, 4, len(examples), BUDGET)[0][1]
    assert set(loads) == set(range(tried))  # the others are not even read
    assert (len(result.weights), len(result.probes), len(result.names)) == (500, 500, 500)
    assert 0 < np.count_nonzero(result.weights) <= 4
    assert result.selection_evaluations <= 64
    assert all(len(g.candidates[0]) == 500 for g in result.generations)
    assert {len(arm.weights) for arm in result.arms} == {500}


def test_sources_and_adapters_give_the_same_composition(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Adapters, examples: list[Example]
) -> None:
    adapters = many(mixed_adapters("llama"), 12)
    sources = [AdapterSource(a.name, lambda a=a: a) for a in adapters]
    base = tiny_base("llama")
    whole = compose(base, adapters, examples, settings=SETTINGS)
    assert core(compose(base, sources, examples, settings=SETTINGS)) == core(whole)
    cut = whole.generations[: len(whole.generations) // 2]
    assert core(compose(base, sources, examples, settings=SETTINGS, history=cut)) == core(whole)


def test_a_module_alone_has_the_loss_it_has_among_others(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Adapters,
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    adapters, rows = many(mixed_adapters("llama"), GROUP + 5), encoded(base)
    together = Evaluator(base, adapters).losses(np.eye(len(adapters)), rows)
    wanted = [GROUP + 4, 0, 3]
    np.testing.assert_allclose(Alone(base, adapters).losses(wanted, rows), together[wanted], atol=1e-5)
    assert Alone(base, adapters).losses([], rows).shape == (0, len(rows))


def test_modules_that_overflow_are_left_out_of_the_search(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Adapters, examples: list[Example]
) -> None:
    adapters = many(mixed_adapters("llama"), 10)
    broken = [huge(a) if i < 8 else a for i, a in enumerate(adapters)]
    result = compose(tiny_base("llama"), broken, examples, settings=SETTINGS)
    assert math.isfinite(result.loss)
    assert set(np.flatnonzero(result.weights)) <= {8, 9}
    with pytest.raises(ComposerError) as error:
        compose(
            tiny_base("llama"),
            [huge(adapters[0])] * 10,
            examples,
            settings=replace(SETTINGS, budget=2),
        )
    assert error.value.code == "not_finite"


def test_modules_that_add_nothing_leave_the_base_model_as_it_is(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Adapters, examples: list[Example]
) -> None:
    zeros = [
        replace(a, factors={n: Factors(f.a, torch.zeros_like(f.b), f.scale) for n, f in a.factors.items()})
        for a in many(mixed_adapters("llama"), 8)
    ]
    result = compose(tiny_base("llama"), zeros, examples, settings=SETTINGS)
    assert result.loss == pytest.approx(result.start_loss, abs=1e-6)
    assert result.verdict["text"].startswith("No gain")


def test_a_budget_of_one_still_gives_the_best_of_those_kept(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Adapters, examples: list[Example]
) -> None:
    adapters = many(mixed_adapters("llama"), 9)
    result = compose(tiny_base("llama"), adapters, examples, settings=replace(SETTINGS, budget=1))
    assert result.evaluations == 1
    assert len(result.weights) == 9


def test_one_module_of_another_base_model_is_named(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Adapters, examples: list[Example]
) -> None:
    foreign = replace(mixed_adapters("gpt2")[0], name="foreign")
    with pytest.raises(AdapterError, match="foreign does not fit this base model") as error:
        compose(tiny_base("llama"), [*many(mixed_adapters("llama"), 5), foreign], examples, settings=SETTINGS)
    assert error.value.code == "does_not_fit_base"
