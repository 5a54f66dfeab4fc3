"""Template "auto" against the losses of each module alone under each format, computed one by one."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.compose import ComposeSettings, compose
from composer.errors import ExampleError, SettingsError
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.prompt_choice import choose_prompt
from composer.prompts import DEFAULT_TEMPLATE, PromptFormat, encode_examples

PLAIN = PromptFormat()
FORMATS = [PromptFormat("Say {input}\n{output}"), PromptFormat("Give it.\n\nQ: {input}\nA: {output}")]
SETTINGS = ComposeSettings(budget=6, max_new_tokens=3, template="auto", arms="basic")


@pytest.fixture
def adapters(mixed_adapters: Callable[[str], list[Adapter]]) -> list[Adapter]:
    """Two that record a format each, and one that records none."""
    given = mixed_adapters("llama")
    return [replace(a, prompt=p) for a, p in zip(given, [*FORMATS, None], strict=True)]


def alone(
    base: BaseModel, adapters: list[Adapter], prompt: PromptFormat, examples: list[Example]
) -> np.ndarray:
    rows = encode_examples(base.tokenizer, examples, prompt, limit=512)
    return Evaluator(base, adapters).mean_losses(np.eye(len(adapters)), rows)


def test_each_format_is_tried_with_its_own_modules_and_the_best_is_taken(
    tiny_base: Callable[[str], BaseModel], adapters: list[Adapter], examples: list[Example]
) -> None:
    base = tiny_base("llama")
    result = compose(base, adapters, examples, settings=SETTINGS)
    expected = {
        PLAIN: alone(base, adapters, PLAIN, examples).min(),
        FORMATS[0]: alone(base, adapters, FORMATS[0], examples)[0],
        FORMATS[1]: alone(base, adapters, FORMATS[1], examples)[1],
    }
    tried = {
        PromptFormat(row["template"], row["chat"], row["system"]): row["loss"] for row in result.prompts_tried
    }
    assert tried == pytest.approx(expected, abs=1e-5)
    assert result.prompt == min(expected, key=lambda prompt: expected[prompt])
    assert result.selection_evaluations == 5  # three modules plain, two as they record
    recipe = result.recipe()
    assert recipe["settings"]["template"] == result.prompt.template
    assert [row["loss"] for row in recipe["prompts_tried"]] == sorted(tried.values())


def test_the_choice_is_the_template_of_the_whole_job(
    tiny_base: Callable[[str], BaseModel], adapters: list[Adapter], examples: list[Example]
) -> None:
    base = tiny_base("llama")
    chosen = compose(base, adapters, examples, settings=SETTINGS)
    given = compose(base, adapters, examples, settings=replace(SETTINGS, template=chosen.prompt.template))
    assert given.prompts_tried == []
    assert (given.weights, given.generations) == (chosen.weights, chosen.generations)
    assert given.arms == chosen.arms
    again = compose(base, adapters, examples, settings=SETTINGS, history=chosen.generations[:1])
    assert (again.weights, again.loss) == (chosen.weights, chosen.loss)


def test_modules_without_records_cost_nothing_and_stay_plain(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    result = compose(tiny_base("llama"), mixed_adapters("llama"), examples, settings=SETTINGS)
    assert (result.prompt, result.prompts_tried, result.selection_evaluations) == (PLAIN, [], 0)


def test_of_many_modules_two_examples_are_read(
    tiny_base: Callable[[str], BaseModel], adapters: list[Adapter], examples: list[Example]
) -> None:
    base = tiny_base("llama")
    choice = choose_prompt(base, adapters, examples, plain=PLAIN, most=2)
    assert choice.evaluations == 2  # two modules plain and two as they record, on two of five examples
    assert np.isnan(choice.probes).all()
    assert choice.tried[-1]["loss"] > choice.tried[0]["loss"]


def test_a_format_that_does_not_work_here_is_passed_over_but_not_the_plain_one(
    tiny_base: Callable[[str], BaseModel], adapters: list[Adapter], examples: list[Example]
) -> None:
    base = tiny_base("llama")
    adapters[0] = replace(adapters[0], prompt=PromptFormat(chat=True))  # this tokenizer knows no chats
    adapters[1] = replace(adapters[1], prompt=PromptFormat("x" * 600 + DEFAULT_TEMPLATE))
    result = compose(base, adapters, examples, settings=SETTINGS)
    assert [row["template"] for row in result.prompts_tried] == [DEFAULT_TEMPLATE]
    with pytest.raises(ExampleError):
        compose(base, adapters, [Example("y" * 600, "z")], settings=SETTINGS)
    with pytest.raises(SettingsError):
        compose(base, adapters, examples, settings=replace(SETTINGS, chat=True))
