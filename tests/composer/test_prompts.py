import pytest

from composer.base_model import load_base_model
from composer.errors import ExampleError, SettingsError
from composer.examples import Example
from composer.prompts import (
    DEFAULT_TEMPLATE,
    check_template,
    encode_example,
    instruction_template,
    render_prompt,
)
from tests import tiny


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return load_base_model(tiny.save_llama(tmp_path_factory.mktemp("base"))).tokenizer


def test_the_prompt_ends_before_the_white_space() -> None:
    assert (
        render_prompt("Give the opposite.\n\nQ: {input}\nA: {output}", "hot")
        == "Give the opposite.\n\nQ: hot\nA:"
    )


def test_braces_in_the_input_are_just_braces() -> None:
    assert render_prompt(DEFAULT_TEMPLATE, "{output} {0.__class__} %s") == "{output} {0.__class__} %s"


def test_an_instruction_becomes_a_template() -> None:
    template = instruction_template("  Add {input} numbers. ")
    check_template(template)
    assert render_prompt(template, "1 2") == "Add  numbers.\n\nQ: 1 2\nA:"
    assert instruction_template("  ") == DEFAULT_TEMPLATE


@pytest.mark.parametrize(
    "template", ["{input}", "{output}", "{output} {input}", "{input}{input}{output}", "x" * 5000]
)
def test_a_template_without_its_two_places_is_refused(template: str) -> None:
    with pytest.raises(SettingsError):
        check_template(template)


def test_the_space_before_the_answer_belongs_to_the_answer(tokenizer) -> None:
    row = encode_example(tokenizer, Example("ab", "c"), DEFAULT_TEMPLATE, seq2seq=False, limit=99)
    assert tokenizer.decode(row.prompt) == "ab"
    assert tokenizer.decode(row.answer) == " c</s>"


def test_seq2seq_answers_stand_alone(tokenizer) -> None:
    row = encode_example(tokenizer, Example("ab", "c"), DEFAULT_TEMPLATE, seq2seq=True, limit=99)
    assert tokenizer.decode(row.answer) == "c</s>"


def test_a_row_longer_than_the_context_is_named(tokenizer) -> None:
    with pytest.raises(ExampleError, match="'ab' has 5 tokens; the model reads 4"):
        encode_example(tokenizer, Example("ab", "c"), DEFAULT_TEMPLATE, seq2seq=False, limit=4)
