"""Chats: the tokens against those of apply_chat_template itself, losses and answers against the merged model."""

import copy
import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.chats import chat_prompt, end_of_turn
from composer.compose import ComposeSettings, compose
from composer.decode import row_results
from composer.errors import SettingsError
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.generate import end_tokens, evaluate_rows
from composer.prompts import PromptFormat, encode_example
from tests.composer.test_evaluator import dense_model

END_OF_TURN = 2  # <unk>: a special token of the tiny tokenizers that is not their end token
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]\n{{ m.content }}<unk>\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)
CHAT = PromptFormat("Do it.\n{input}\n{output}", chat=True, system="Be brief.")
WEIGHTS = np.array([[0.5, -0.3, 0.2], [1.1, 0.4, -0.7]])


@pytest.fixture(scope="session")
def chat_base(tiny_base: Callable[[str], BaseModel]) -> Callable[..., BaseModel]:
    """A tiny model whose tokenizer has a chat template."""

    def base(kind: str, template: str = TEMPLATE) -> BaseModel:
        tokenizer = copy.deepcopy(tiny_base(kind).tokenizer)
        tokenizer.chat_template = template
        return dataclasses.replace(tiny_base(kind), tokenizer=tokenizer)

    return base


def test_a_chat_is_the_tokenizers_own(chat_base: Callable[..., BaseModel]) -> None:
    tokenizer = chat_base("llama").tokenizer
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Do it.\nx y"}]
    whole = tokenizer.apply_chat_template([*turns, {"role": "assistant", "content": "z"}])["input_ids"]
    row = encode_example(tokenizer, Example("x y", "z"), CHAT, seq2seq=False, limit=512)
    assert row.prompt == tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    assert row.prompt + row.answer == whole[:-1]  # all but the line break after the turn
    assert row.answer[-1] == END_OF_TURN


def test_without_a_system_text_there_is_no_system_turn_of_ours(chat_base: Callable[..., BaseModel]) -> None:
    assert chat_prompt(chat_base("llama").tokenizer, "x") == "[user]\nx<unk>\n[assistant]\n"


@pytest.mark.parametrize(
    ("template", "token"),
    [
        (TEMPLATE, END_OF_TURN),
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", None),
        ("{% for m in messages %}{{ m.content }}</s>{% endfor %}", 1),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", None),
    ],
)
def test_the_end_of_a_turn_is_what_the_template_writes(
    template: str, token: int | None, chat_base: Callable[..., BaseModel]
) -> None:
    base = chat_base("llama", template)
    assert end_of_turn(base.tokenizer) == token
    assert end_tokens(base, CHAT) == {1, token or 1}


@pytest.mark.parametrize("kind", ["llama", "mamba", "t5"])
def test_losses_and_answers_of_chats_equal_those_of_the_merged_model(
    kind: str,
    chat_base: Callable[..., BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = chat_base(kind), mixed_adapters(kind)
    results = row_results(Evaluator(base, adapters), WEIGHTS, examples, CHAT, max_new_tokens=6)
    for weights, result in zip(WEIGHTS, results, strict=True):
        merged = dataclasses.replace(base, model=dense_model(base, "deltas", adapters, weights))
        expected = evaluate_rows(merged, examples, CHAT, max_new_tokens=6)
        np.testing.assert_allclose(result.losses, expected.losses, atol=1e-5)
        assert result.answers == expected.answers


def test_a_composition_in_chats_says_so_in_its_recipe(
    chat_base: Callable[..., BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    settings = ComposeSettings(
        budget=4, max_new_tokens=3, template=CHAT.template, chat=True, system=CHAT.system
    )
    base, adapters = chat_base("llama"), mixed_adapters("llama")
    result = compose(base, adapters, examples, holdout=examples, settings=settings)
    assert result.prompt == CHAT
    recorded = result.recipe()["settings"]
    assert (recorded["template"], recorded["chat"], recorded["system"]) == (CHAT.template, True, "Be brief.")
    merged = dataclasses.replace(base, model=dense_model(base, "deltas", [result.adapter], np.ones(1)))
    expected = evaluate_rows(merged, examples, CHAT, max_new_tokens=3)
    np.testing.assert_allclose(result.arms[-1].row_losses, expected.losses, atol=1e-4)


def test_a_model_without_chats_is_refused(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    with pytest.raises(SettingsError, match="no chat template: use the plain prompt format") as error:
        compose(tiny_base("llama"), mixed_adapters("llama"), examples, settings=ComposeSettings(chat=True))
    assert error.value.code == "no_chat_template"


def test_a_template_that_takes_no_system_turn_says_so(chat_base: Callable[..., BaseModel]) -> None:
    refuses = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    )
    with pytest.raises(SettingsError, match="does not take this chat: no system role"):
        chat_prompt(chat_base("llama", refuses).tokenizer, "x", "Be brief.")


def test_a_system_text_without_a_chat_is_refused() -> None:
    with pytest.raises(SettingsError, match="choose the chat format"):
        ComposeSettings(system="Be brief.")
