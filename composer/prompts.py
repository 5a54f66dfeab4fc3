"""Prompt formats, and the tokens that a model sees and is judged by.

A template is text with one {input} and, at its end, {output}. Nothing else in it is special: it is filled by plain
replacement, so braces in a user's text are just braces. A plain prompt is the filled template; a chat prompt is the
filled template as the user's turn, in the form that the model's own tokenizer gives to chats (composer.chats).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from composer.chats import chat_prompt, end_of_turn
from composer.errors import ExampleError, SettingsError
from composer.examples import Example

DEFAULT_TEMPLATE = "{input} {output}"
AUTO_TEMPLATE = "auto"
MAX_TEMPLATE_CHARACTERS = 4_000
FORMATS = ("plain", "chat")


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How an input becomes a prompt. system: the system's turn of a chat; the model's own default if empty."""

    template: str = DEFAULT_TEMPLATE
    chat: bool = False
    system: str = ""

    @staticmethod
    def of(prompt: "PromptFormat | str") -> "PromptFormat":
        """A bare template is a plain prompt; "auto", where nothing is there to choose from, the default one."""
        if prompt == AUTO_TEMPLATE:
            return PromptFormat()
        return PromptFormat(prompt) if isinstance(prompt, str) else prompt

    def check(self) -> None:
        """Raises SettingsError if the template is not one, or a plain prompt has a system text."""
        check_template(self.template)
        if len(self.system) > MAX_TEMPLATE_CHARACTERS:
            raise SettingsError(f"the system text is longer than {MAX_TEMPLATE_CHARACTERS} characters")
        if self.system and not self.chat:
            raise SettingsError("a system text is part of a chat: choose the chat format for it")


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One example as tokens. The loss is the mean cross-entropy over `answer`, end token included.

    options: the example's options as answers, in their order; empty if it has none.
    """

    prompt: list[int]
    answer: list[int]
    options: list[list[int]] = field(default_factory=list)


def check_template(template: str) -> None:
    """Raises SettingsError unless `template` has {input} once, before {output} once, which is its end."""
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise SettingsError(f"the prompt template is longer than {MAX_TEMPLATE_CHARACTERS} characters")
    for place in ("{input}", "{output}"):
        if template.count(place) != 1:
            raise SettingsError(f"the prompt template must contain {place} once")
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
    tokenizer: Any, example: Example, prompt: PromptFormat | str, *, seq2seq: bool, limit: int
) -> EncodedRow:
    """The example as tokens: prompt, and answer followed by the token that ends it (see `end_token`).

    limit: the model's context length in tokens. Raises ExampleError if prompt and answer are longer, and SettingsError
    for a chat with a tokenizer that knows none.
    The white space between a plain prompt and its answer belongs to the answer (" False" is one token in most
    vocabularies); in a chat the answer begins its own turn.
    """
    prompt = PromptFormat.of(prompt)
    filled = _fill_prompt(prompt.template, example.input)
    gap = "" if seq2seq or prompt.chat else filled[len(filled.rstrip()) :]
    tokens = prompt_tokens(tokenizer, example.input, prompt)
    end = end_token(tokenizer, prompt, seq2seq=seq2seq)
    answer, *options = (
        [*tokenizer.encode(gap + text, add_special_tokens=False), end]
        for text in (example.output, *example.options)
    )
    longest = max(map(len, (answer, *options)))
    length = max(len(tokens), longest) if seq2seq else len(tokens) + longest
    if length > limit:
        raise ExampleError(
            f"the example starting {example.input[:40]!r} has {length} tokens; the model reads {limit}"
        )
    return EncodedRow(prompt=tokens, answer=answer, options=options)


def prompt_tokens(tokenizer: Any, text: str, prompt: PromptFormat | str) -> list[int]:
    """The prompt for the input `text` as tokens. Raises SettingsError as `encode_example`."""
    prompt = PromptFormat.of(prompt)
    rendered = render_prompt(prompt.template, text)
    if not prompt.chat:
        return encode_prompt(tokenizer, rendered)
    # The chat template writes the special tokens itself.
    tokens: list[int] = tokenizer.encode(
        chat_prompt(tokenizer, rendered, prompt.system), add_special_tokens=False
    )
    return tokens


def encode_prompt(tokenizer: Any, prompt_text: str) -> list[int]:
    """The prompt's tokens, with the special tokens that the tokenizer itself adds (T5's end token, say); never empty."""
    tokens: list[int] = tokenizer.encode(prompt_text)
    return tokens or [_eos_token(tokenizer)]


def encode_examples(
    tokenizer: Any,
    examples: Sequence[Example],
    prompt: PromptFormat | str,
    *,
    seq2seq: bool = False,
    limit: int,
) -> list[EncodedRow]:
    """All examples as tokens, in their order. Raises as `encode_example`."""
    return [encode_example(tokenizer, e, prompt, seq2seq=seq2seq, limit=limit) for e in examples]


def end_token(tokenizer: Any, prompt: PromptFormat | str, *, seq2seq: bool = False) -> int:
    """The token that ends an answer: of a chat the model's own end of a turn, else the tokenizer's end token."""
    if PromptFormat.of(prompt).chat and not seq2seq:
        token = end_of_turn(tokenizer)
        if token is not None:
            return token
    return _eos_token(tokenizer)


def _fill_prompt(template: str, text: str) -> str:
    return template.removesuffix("{output}").replace("{input}", text)


def _eos_token(tokenizer: Any) -> int:
    end = tokenizer.eos_token_id
    if end is None:
        raise SettingsError("the base model's tokenizer has no end token")
    return int(end)
