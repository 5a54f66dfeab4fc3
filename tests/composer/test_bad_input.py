"""Odd and bad input to compose(), one line each: what comes of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from composer.adapters import Adapter, Factors, load_adapter
from composer.base_model import BaseModel
from composer.compose import ComposeSettings, Composition, compose
from composer.errors import AdapterError, ComposerError, ExampleError, IncompatibleAdapters, SettingsError
from composer.examples import Example

SETTINGS = ComposeSettings(budget=6, max_new_tokens=2)
OPTIMIZERS = ["probe", "cma", "ngopt", "cobyla", "random"]


def scaled(adapter: Adapter, a: float, b: float, name: str) -> Adapter:
    factors = {n: Factors(f.a * a, f.b * b, f.scale) for n, f in adapter.factors.items()}
    return replace(adapter, name=name, factors=factors)


@pytest.fixture
def base(tiny_base: Callable[[str], BaseModel]) -> BaseModel:
    return tiny_base("llama")


@pytest.fixture
def adapters(mixed_adapters: Callable[[str], list[Adapter]]) -> list[Adapter]:
    return mixed_adapters("llama")


Refused = tuple[Callable[[list[Adapter]], Sequence[Adapter]], list[Example], type[ComposerError], str, str]
GOOD = [Example("one two", "three"), Example("four", "five")]
REFUSED: dict[str, Refused] = {
    "no modules": (lambda given: [], GOOD, IncompatibleAdapters, "incompatible_adapters", "at least one module"),
    "no examples": (lambda given: given, [], ExampleError, "bad_examples", "no examples"),
    "an empty input": (
        lambda given: given, [*GOOD, Example(" ", "x")], ExampleError, "bad_examples", 'example 3 has no "input"',
    ),
    "an empty output": (
        lambda given: given, [Example("x", "\n")], ExampleError, "bad_examples", 'example 1 has no "output"',
    ),
    "an input longer than the context": (
        lambda given: given, [*GOOD, Example("x" * 600, "y")], ExampleError, "bad_examples", "the model reads 512",
    ),
    "an output longer than the context": (
        lambda given: given, [Example("x", "y" * 600)], ExampleError, "bad_examples", "the model reads 512",
    ),
    "only modules that overflow": (
        lambda given: [scaled(given[0], 1e30, 1e30, "huge")], GOOD, ComposerError, "not_finite", "overflow",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_a_sentence_and_a_code(
    case: Refused, base: BaseModel, adapters: list[Adapter]
) -> None:
    given, examples, kind, code, sentence = case
    with pytest.raises(kind, match=sentence) as error:
        compose(base, given(adapters), examples, settings=SETTINGS)
    assert error.value.code == code


def test_modules_of_another_base_model_are_named(
    base: BaseModel, adapters: list[Adapter], tiny_module: Callable[..., Any], mixed_adapters: Any
) -> None:
    other = load_adapter(tiny_module("gpt2"), name="alice/other")
    for given in ([other], [*adapters, other], [other, *adapters]):
        with pytest.raises(AdapterError, match="alice/other does not fit this base model") as error:
            compose(base, given, GOOD, settings=SETTINGS)
        assert error.value.code == "does_not_fit_base"
    wide = adapters[0].factors | {
        n: Factors(torch.cat([f.a, f.a], dim=1), f.b, f.scale) for n, f in adapters[0].factors.items()
    }
    with pytest.raises(AdapterError) as error:
        compose(base, [adapters[1], replace(adapters[0], name="wide", factors=wide)], GOOD, settings=SETTINGS)
    assert "wide" in str(error.value)


def check(result: Composition, *, modules: int, most: int) -> None:
    assert len(result.weights) == modules
    assert all(math.isfinite(w) for w in result.weights)
    assert 1 <= result.evaluations <= most
    assert math.isfinite(result.loss)
    assert result.adapter.rank >= 1
    assert {"base", "best_single", "uniform", "composition"} <= {arm.key for arm in result.arms}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("count", [1, 3])
def test_a_budget_of_one_is_one_evaluation(
    count: int, optimizer: str, base: BaseModel, adapters: list[Adapter]
) -> None:
    settings = replace(SETTINGS, budget=1, optimizer=optimizer)
    check(compose(base, adapters[:count], GOOD, settings=settings), modules=count, most=1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_module_is_searched_over_too(optimizer: str, base: BaseModel, adapters: list[Adapter]) -> None:
    settings = replace(SETTINGS, optimizer=optimizer)
    check(compose(base, adapters[:1], GOOD, settings=settings), modules=1, most=6)


def test_a_budget_below_the_number_of_modules_tries_as_many_as_it_allows(
    base: BaseModel, adapters: list[Adapter]
) -> None:
    check(compose(base, adapters, GOOD, settings=replace(SETTINGS, budget=2)), modules=3, most=2)


@pytest.mark.parametrize("method", ["deltas", "factors"])
def test_zero_adapters_are_the_base_model(method: str, base: BaseModel, adapters: list[Adapter]) -> None:
    zeros = [scaled(adapter, 1.0, 0.0, f"zero{i}") for i, adapter in enumerate(adapters)]
    result = compose(base, zeros, GOOD, settings=replace(SETTINGS, method=method))
    check(result, modules=3, most=6)
    assert result.loss == pytest.approx(result.start_loss, abs=1e-5)
    assert result.compression_error == 0
    assert result.verdict["beats_base"] is False


@pytest.mark.parametrize("kind", ["llama", "t5", "mamba"])
def test_examples_of_one_token_are_examples(
    kind: str, tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    result = compose(tiny_base(kind), mixed_adapters(kind), [Example("a", "b")], settings=SETTINGS)
    check(result, modules=3, most=6)
    assert result.arms[0].n == 1


def test_an_example_that_just_fits_the_context_is_an_example(
    base: BaseModel, adapters: list[Adapter]
) -> None:
    fits = Example("x" * (512 - len(" y") - 1), "y")  # and the end token
    check(compose(base, adapters, [fits], settings=SETTINGS), modules=3, most=6)
    with pytest.raises(ExampleError, match="has 513 tokens; the model reads 512"):
        compose(base, adapters, [Example(fits.input + "x", "y")], settings=SETTINGS)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_candidates_that_overflow_are_counted_and_never_win(
    optimizer: str, base: BaseModel, adapters: list[Adapter]
) -> None:
    huge = scaled(adapters[0], 1e30, 1e30, "huge")
    settings = replace(SETTINGS, optimizer=optimizer, budget=12)
    result = compose(base, [huge, adapters[1]], GOOD, settings=settings)
    assert result.not_finite >= 1
    assert result.weights[0] == 0.0
    assert np.isfinite([arm.loss for arm in result.arms if arm.key == "composition"]).all()


@pytest.mark.parametrize(
    "values",
    [
        {"budget": 0}, {"budget": 2.5}, {"budget": 10**6}, {"seed": -1}, {"bound": 0}, {"bound": math.nan},
        {"penalty": -1}, {"penalty": math.inf}, {"rank": 0}, {"max_modules": 0}, {"max_new_tokens": 0},
        {"method": "magic"}, {"optimizer": "magic"}, {"objective": "fame"}, {"template": "no places"},
        {"chat": "yes"}, {"system": "Be brief."},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        ComposeSettings(**values)
