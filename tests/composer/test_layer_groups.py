"""A weight for each group of a module's layers: the cut, the search, compose() with it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from composer.adapters import Adapter
from composer.base_model import BaseModel, adaptable_layers
from composer.checkpoint import Generation
from composer.compose import Composition, compose
from composer.errors import SettingsError
from composer.examples import Example
from composer.layer_groups import block_numbers, cut_by_depth
from composer.methods import combine_deltas
from composer.search import make_search
from composer.search.parts import Parts
from composer.settings import ComposeSettings
from tests import tiny

SETTINGS = ComposeSettings(budget=24, max_new_tokens=4, arms="basic", layer_groups=2)


def test_layers_outside_the_blocks_count_to_the_nearest() -> None:
    names = ["model.embed_tokens", "model.layers.0.q_proj", "model.layers.11.mlp.experts.3.up", "lm_head"]
    assert list(block_numbers(names).values()) == [0, 0, 11, 11]


@pytest.mark.parametrize("kind", list(tiny.SAVERS))
def test_the_parts_of_an_adapter_add_up_to_it(
    kind: str, tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    adapters = mixed_adapters(kind)
    cut, parts = cut_by_depth(adapters, adaptable_layers(tiny_base(kind).model), 2)
    assert parts.count == len(adapters)
    for index, adapter in enumerate(adapters):
        own = [cut[i] for i in parts.of_module(index)]
        assert all(part.factors for part in own)
        assert sum(len(part.factors) for part in own) == len(adapter.factors)
        joined = combine_deltas(own, [1.0] * len(own))
        for layer, factors in adapter.factors.items():
            torch.testing.assert_close(joined.factors[layer].dense(), factors.dense())


def test_a_module_without_upper_layers_has_no_part_there(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    whole = mixed_adapters("llama")[0]
    lower = replace(whole, factors={n: f for n, f in whole.factors.items() if ".0." in n})
    cut, parts = cut_by_depth([lower, whole], adaptable_layers(tiny_base("llama").model), 3)
    assert (parts.owner, parts.group) == ((0, 1, 1), (0, 0, 1))  # two blocks, so two groups
    assert len(cut) == 3
    weights = np.array([0.5, 0.25, 0.75])
    assert parts.means(weights).tolist() == [0.5, 0.5]
    assert parts.by_group(weights).tolist() == [[0.5, 0.0], [0.25, 0.75]]
    assert parts.alone(np.array([[1.0, 0, 0], [0, 1, 1], [0, 1, 0.5]])).tolist() == [True, True, False]


@pytest.mark.parametrize("optimizer", ["probe", "cma"])
@pytest.mark.parametrize("budget", [1, 7, 12, 60])
def test_the_search_keeps_its_budget_and_is_repeatable(optimizer: str, budget: int) -> None:
    parts = Parts.of([[0, 1, 2]] * 5, 3)
    best = np.tile([0.0, 0.4, 0.8], 5)  # far from any weight per module

    def run() -> tuple[np.ndarray, np.ndarray]:
        search = make_search(optimizer, count=5, budget=budget, seed=3, parts=parts)
        while len(asked := search.ask()):
            search.tell(np.square(asked - best).sum(axis=1))
        search.close()
        return search.candidates, search.finalists(1)[0]

    candidates, found = run()
    again, _ = run()
    assert np.array_equal(candidates, again)
    assert len(candidates) <= budget
    if budget == 60:
        assert len(candidates) == 60
        tied = parts.alone(candidates) | (parts.spread(parts.means(candidates)) == candidates).all(axis=1)
        assert tied[:30].all()
        assert not tied[31:].all()
        assert np.square(found - best).sum() < np.square(candidates[tied] - best).sum(axis=1).min()


def test_compose_with_layer_groups_continues_bit_for_bit_and_says_what_it_found(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    holdout = [Example(**row) for row in tiny.rows(9)][5:]

    def run(history: Sequence[Generation] = ()) -> Composition:
        return compose(base, adapters, examples, holdout=holdout, settings=SETTINGS, history=history)

    whole = run()
    assert whole.evaluations == 24
    assert all(len(c) == 2 * len(adapters) for g in whole.generations for c in g.candidates)
    assert whole.layer_weights is not None
    np.testing.assert_allclose(np.mean(whole.layer_weights, axis=1), whole.weights)
    assert any(low != high for low, high in whole.layer_weights)
    for cut in (1, len(whole.generations) - 1, len(whole.generations)):
        again = run(whole.generations[:cut])
        assert (again.layer_weights, again.loss, again.generations) == (
            whole.layer_weights,
            whole.loss,
            whole.generations,
        )
    recipe = whole.recipe()
    assert [m.get("layer_weights") for m in recipe["modules"]] == whole.layer_weights
    # What is stored is the sum of the weighted parts.
    cut_adapters, parts = cut_by_depth(adapters, adaptable_layers(base.model), 2)
    flat = [whole.layer_weights[m][g] for m, g in zip(parts.owner, parts.group, strict=True)]
    exact = combine_deltas(cut_adapters, flat)
    for layer, factors in whole.adapter.factors.items():
        size = float(exact.factors[layer].dense().norm())
        difference = float((factors.dense() - exact.factors[layer].dense()).norm())
        assert difference <= max(whole.compression_error, 2e-3) * max(size, 1e-6) * 2
    assert {len(arm.weights) for arm in whole.arms} == {len(adapters)}
    assert {c.module for c in whole.contributions} == set(np.flatnonzero(whole.weights).tolist())


def test_leave_one_out_searches_groups_too(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    found = compose(tiny_base("gpt2"), mixed_adapters("gpt2"), examples[:3], settings=SETTINGS)
    assert found.measured_on == "leave_one_out"
    assert found.arms[-1].n == 3


def test_one_group_is_the_search_as_it_was(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    found = compose(base, adapters, examples, settings=replace(SETTINGS, layer_groups=1, budget=10))
    assert found.layer_weights is None
    assert all("layer_weights" not in module for module in found.recipe()["modules"])


def test_groups_are_used_where_the_budget_allows_and_the_search_can() -> None:
    assert ComposeSettings(budget=99).groups == 1
    assert ComposeSettings(budget=100).groups == 3
    assert ComposeSettings(budget=100, layer_groups=1).groups == 1
    assert ComposeSettings(budget=200, method="factors").groups == 1
    assert ComposeSettings(budget=200, optimizer="ngopt").groups == 1
    assert ComposeSettings(budget=20, layer_groups=2).groups == 2


@pytest.mark.parametrize(
    "wrong", [{"method": "factors"}, {"method": "faithful"}, {"optimizer": "cobyla"}, {"layer_groups": 9}]
)
def test_groups_that_cannot_be_had_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        ComposeSettings(**({"layer_groups": 3} | wrong))  # type: ignore[arg-type]
    assert caught.value.code == "bad_layer_groups"
