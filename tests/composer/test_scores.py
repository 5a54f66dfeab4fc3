"""Objectives other than the loss: what is minimised, that a run continues, and what goes wrong in a caller's own."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from composer.adapters import Adapter, Factors
from composer.base_model import BaseModel
from composer.compose import ComposeSettings, compose
from composer.errors import ComposerError, SearchStopped, SettingsError
from composer.examples import Example, with_options
from composer.generate import OptionChoice, RowResults
from composer.scores import Scorer, wrong_answers, wrong_options
from tests import tiny

SETTINGS = ComposeSettings(budget=8, max_new_tokens=3)
CHOICES = with_options([Example(**row) for row in tiny.rows(5)], ["yes", "no", "seven", "a b", "x"])


def results(losses: list[float], right: int) -> RowResults:
    correct = [i < right for i in range(len(losses))]
    options = [OptionChoice("a" if good else "b", "a", "a") for good in correct]
    return RowResults(losses, ["a"] * len(losses), correct, list(options))


def test_one_more_right_answer_outweighs_any_loss_and_equal_ones_are_told_apart_by_it() -> None:
    few = [results([99.0] * 4, 2), results([0.1] * 4, 1), results([2.0] * 4, 2), results([0.0] * 4, 4)]
    for score in (wrong_answers, wrong_options):
        values = [score(result, []) for result in few]
        assert values[3] < values[2] < values[0] < values[1]
        assert values[3] == 0.0
        assert values[2] == pytest.approx(0.5 + (2 / 3) / 4)


@pytest.mark.parametrize("objective", ["exact_match", "option_accuracy"])
@pytest.mark.parametrize("kind", ["llama", "t5", "mamba"])
def test_a_search_by_another_objective_continues_bit_for_bit(
    kind: str,
    objective: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    settings = replace(SETTINGS, objective=objective)
    whole = compose(base, adapters, CHOICES, settings=settings)
    assert whole.objective == objective
    values = [value for g in whole.generations for value in g.losses if value is not None]
    assert all(0 <= value < 1 + 1 / 5 for value in values)
    assert math.isfinite(whole.loss)
    assert whole.loss > 1.2  # in nats, not the objective's value
    again = compose(base, adapters, CHOICES, settings=settings, history=whole.generations[:2])
    assert (again.weights, again.loss, again.generations) == (whole.weights, whole.loss, whole.generations)


def test_the_winner_has_the_lowest_value_of_a_callable_and_gets_all_it_needs(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    seen: list[tuple[float, ...]] = []

    def worst_row(results: RowResults, examples: Sequence[Example]) -> float:
        assert list(examples) == CHOICES
        assert len(results.answers) == len(results.correct) == len(results.options) == 5
        seen.append(tuple(results.losses))
        return max(results.losses)

    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    settings = replace(SETTINGS, penalty=0.0, optimizer="cobyla")
    result = compose(base, adapters, CHOICES, settings=settings, objective=worst_row)
    assert result.objective == "worst_row"
    assert result.recipe()["objective"] == "worst_row"
    lowest = min(value for g in result.generations for value in g.losses if value is not None)
    scorer = Scorer(worst_row, CHOICES, [], result.prompt, max_new_tokens=3)
    from composer.evaluator import Evaluator

    assert scorer.values(Evaluator(base, adapters), np.array([result.weights])) == pytest.approx(
        lowest, abs=1e-5
    )
    assert len(seen) >= 8


@pytest.mark.parametrize(
    ("value", "code", "sentence"),
    [
        (math.nan, "bad_objective", "the objective mine gave NaN"),
        (None, "bad_objective", "the objective mine gave None, which is not a number"),
        (True, "bad_objective", "gave True"),
        (ZeroDivisionError("oh"), "objective_failed", "the objective mine raised ZeroDivisionError: oh"),
        (math.inf, "not_finite", "every combination that was tried"),
    ],
)
def test_what_a_callable_may_not_do_is_named(
    value: object,
    code: str,
    sentence: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    def mine(results: RowResults, examples: Sequence[Example]) -> float:
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[return-value]

    with pytest.raises(ComposerError, match=sentence) as error:
        compose(tiny_base("llama"), mixed_adapters("llama"), CHOICES, settings=SETTINGS, objective=mine)
    assert error.value.code == code


def test_a_callable_may_stop_the_search_and_veto_a_candidate(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    calls: list[float] = []

    def veto_the_first(results: RowResults, examples: Sequence[Example]) -> float:
        calls.append(results.loss)
        return math.inf if len(calls) == 1 else results.loss

    def stop(results: RowResults, examples: Sequence[Example]) -> float:
        raise SearchStopped("enough")

    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    result = compose(base, adapters, CHOICES, settings=SETTINGS, objective=veto_the_first)
    assert (result.not_finite, result.generations[0].losses[0]) == (1, None)
    with pytest.raises(SearchStopped):
        compose(base, adapters, CHOICES, settings=SETTINGS, objective=stop)


def test_option_accuracy_needs_options(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    with pytest.raises(SettingsError, match="needs the options of every example") as error:
        compose(
            tiny_base("llama"),
            mixed_adapters("llama"),
            [*CHOICES, examples[0]],
            settings=replace(SETTINGS, objective="option_accuracy"),
        )
    assert error.value.code == "no_options"


def test_a_candidate_that_overflows_is_never_right(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    good = mixed_adapters("llama")[0]
    huge = {n: Factors(f.a * 1e30, f.b * 1e30, f.scale) for n, f in good.factors.items()}
    adapters = [replace(good, name="huge", factors=huge), good]
    settings = replace(SETTINGS, objective="exact_match")
    result = compose(tiny_base("llama"), adapters, CHOICES, settings=settings)
    assert result.weights[0] == 0.0
    assert result.not_finite >= 1
