"""Prompt templates, and the tokens that a model sees and is judged by.

A template is text with one {input} and, at its end, {output}. Nothing else in it is special: it is filled by plain
replacement, so braces in a user's text are just braces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from composer.errors import ExampleError, SettingsError
from composer.examples import Example

DEFAULT_TEMPLATE = "{input} {output}"
MAX_TEMPLATE_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One example as tokens. The loss is the mean cross-entropy over `answer`, end token included."""

    prompt: list[int]
    answer: list[int]


def check_template(template: str) -> None:
    """Raises SettingsError unless `template` has {input} once, before {output} once, which is its end."""
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise SettingsError(f"the prompt template is longer than {MAX_TEMPLATE_CHARACTERS} characters")
    for field in ("{input}", "{output}"):
        if template.count(field) != 1:
            raise SettingsError(f"the prompt template must contain {field} once")
    if not template.endswith("{output}"):
        raise SettingsError("the prompt template must end with {output}")


def instruction_template(instruction: str) -> str:
    """The template of the starter modules: an instruction, the question, the answer."""
    plain = instruction.strip().replace("{input}", "").replace("{output}", "")
    return plain + "\n\nQ: {input}\nA: {output}" if plain else DEFAULT_TEMPLATE


def render_prompt(template: str, text: str) -> str:
    """The prompt for `text`, without the white space that separates it from the answer."""
    return _fill_prompt(template, text).rstrip()


def encode_example(
    tokenizer: Any, example: Example, template: str, *, seq2seq: bool, limit: int
) -> EncodedRow:
    """The example as tokens: prompt, and answer followed by the end token.

    limit: the model's context length in tokens. Raises ExampleError if prompt and answer are longer.
    The white space between prompt and answer belongs to the answer (" False" is one token in most vocabularies).
    """
    filled = _fill_prompt(template, example.input)
    prompt_text = filled.rstrip()
    answer_text = example.output if seq2seq else filled[len(prompt_text) :] + example.output
    prompt = encode_prompt(tokenizer, prompt_text)
    answer = [*tokenizer.encode(answer_text, add_special_tokens=False), _end_token(tokenizer)]
    length = max(len(prompt), len(answer)) if seq2seq else len(prompt) + len(answer)
    if length > limit:
        raise ExampleError(
            f"the example starting {example.input[:40]!r} has {length} tokens; the model reads {limit}"
        )
    return EncodedRow(prompt=prompt, answer=answer)


def encode_prompt(tokenizer: Any, prompt_text: str) -> list[int]:
    """The prompt's tokens, with the special tokens that the tokenizer itself adds (T5's end token, say); never empty."""
    tokens: list[int] = tokenizer.encode(prompt_text)
    return tokens or [_end_token(tokenizer)]


def encode_examples(
    tokenizer: Any, examples: Sequence[Example], template: str, *, seq2seq: bool = False, limit: int
) -> list[EncodedRow]:
    """All examples as tokens, in their order. Raises as `encode_example`."""
    return [encode_example(tokenizer, e, template, seq2seq=seq2seq, limit=limit) for e in examples]


def _fill_prompt(template: str, text: str) -> str:
    return template.removesuffix("{output}").replace("{input}", text)


def _end_token(tokenizer: Any) -> int:
    end = tokenizer.eos_token_id
    if end is None:
        raise SettingsError("the base model's tokenizer has no end token")
    return int(end)
