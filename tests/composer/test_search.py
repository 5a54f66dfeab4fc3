"""The searches: budget, seeds, resumption, and that they find a simple optimum."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from composer.checkpoint import Generation, stored_losses
from composer.errors import SettingsError
from composer.search import make_search
from composer.search.base import Search
from composer.search.probe import ProbeSearch
from composer.settings import OPTIMIZERS

Array = NDArray[np.float64]


def bowl(candidates: Array) -> Array:
    """A smooth loss with its minimum, 0.1, at (0.6, 0.3, 0.2, 0, ...)."""
    best = np.zeros(candidates.shape[1])
    best[:3] = [0.6, 0.3, 0.2][: candidates.shape[1]]
    return 0.1 + np.square(candidates - best).sum(axis=1)


def run(search: Search, history: list[Generation] | None = None) -> list[Generation]:
    generations: list[Generation] = []
    while len(asked := search.ask()):
        index = len(generations)
        losses = stored_losses(history, index, asked) if history and index < len(history) else bowl(asked)
        generations.append(Generation.of(index, asked, losses, search.tell(losses)))
    search.close()
    return generations


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("count", "budget"), [(20, 40), (20, 10), (20, 1), (1, 5), (1, 1), (3, 30)])
def test_the_budget_is_never_exceeded(optimizer: str, count: int, budget: int) -> None:
    generations = run(make_search(optimizer, count=count, budget=budget))
    assert 1 <= sum(len(g.candidates) for g in generations) <= budget
    assert all(abs(w) <= 1.5 for g in generations for c in g.candidates for w in c)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_search_continues_from_every_generation_bit_for_bit(optimizer: str) -> None:
    whole = run(make_search(optimizer, count=4, budget=16, seed=3))
    for cut in range(len(whole) + 1):
        # Through JSON, as a database keeps it.
        stored = [Generation.from_json(g.to_json()) for g in whole[:cut]]
        assert run(make_search(optimizer, count=4, budget=16, seed=3), stored) == whole


@pytest.mark.parametrize("optimizer", ["cma", "random"])
def test_another_seed_is_another_search_and_seed_zero_is_a_seed(optimizer: str) -> None:
    runs = [run(make_search(optimizer, count=5, budget=30, seed=seed)) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_global_generator_is_left_alone(optimizer: str) -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    run(make_search(optimizer, count=3, budget=12))
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]


@pytest.mark.parametrize("optimizer", ["auto", "cma", "ngopt", "cobyla"])
def test_a_simple_optimum_is_approached(optimizer: str) -> None:
    search = make_search(optimizer, count=3, budget=120)
    run(search)
    assert search.losses.min() < 0.12


def test_probing_tries_the_mean_and_every_module_alone_then_keeps_the_best_few() -> None:
    search = ProbeSearch(count=8, budget=20, seed=0, bound=1.5, penalty=0.0, keep=3)
    generations = run(search)
    assert generations[0].candidates == [[1 / 8] * 8, *np.eye(8).tolist()]
    assert search.kept == [0, 1, 2]
    losses = bowl(np.eye(8)[:3])
    expected = np.exp(-losses / 0.5) / np.exp(-losses / 0.5).sum()
    np.testing.assert_allclose(generations[1].candidates[0][:3], expected)
    assert all(w >= 0 for g in generations for c in g.candidates for w in c)
    assert all(c[3:] == [0.0] * 5 for g in generations[1:] for c in g.candidates)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_losses_that_are_not_finite_are_survived_and_never_chosen(optimizer: str) -> None:
    search = make_search(optimizer, count=3, budget=20)
    while len(asked := search.ask()):
        losses = bowl(asked)
        losses[np.abs(asked).max(axis=1) > 0.7] = math.nan
        search.tell(losses)
    search.close()
    assert np.abs(search.finalists(1)).max() <= 0.7


def test_a_search_whose_losses_are_all_infinite_ends() -> None:
    search = make_search("auto", count=3, budget=20)
    while len(asked := search.ask()):
        search.tell(np.full(len(asked), math.inf))
    search.close()
    assert len(search.losses) <= 20


def test_a_record_of_another_search_is_refused() -> None:
    record = run(make_search("cma", count=3, budget=12, seed=1))
    with pytest.raises(SettingsError) as error:
        run(make_search("cma", count=3, budget=12, seed=2), record)
    assert error.value.code == "other_search"


def test_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be one of"):
        make_search("adam", count=3, budget=12)
