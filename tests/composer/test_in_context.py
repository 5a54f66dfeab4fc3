"""Prompts that begin with solved examples: the text a model sees, and how many fit."""

from collections.abc import Callable

import pytest

from composer.base_model import BaseModel
from composer.examples import Example
from composer.in_context import cut, with_shots
from composer.prompts import encode_examples

SHOTS = [Example("2 + 2", "4"), Example("1 + 2", "3")]
ROW = Example("5 + 1", "6")


@pytest.mark.parametrize(("room", "shots"), [(512, 2), (40, 1), (20, 0)])
def test_a_row_follows_the_examples_that_fit(
    tiny_base: Callable[[str], BaseModel], room: int, shots: int
) -> None:
    tokenizer = tiny_base("llama").tokenizer
    solved = encode_examples(tokenizer, SHOTS, "Q: {input}\nA: {output}", limit=512)
    rows = encode_examples(tokenizer, [ROW], "Q: {input}\nA: {output}", limit=512)
    made, count = with_shots(rows, solved, tokenizer, seq2seq=False, limit=room, answer_room=4)
    assert count == shots
    before = "Q: 2 + 2\nA: 4\n\nQ: 1 + 2\nA: 3\n\n"
    before = before[: [0, before.index("\n\n") + 2, len(before)][shots]]
    assert tokenizer.decode(made[0].prompt) == before + "Q: 5 + 1\nA:"
    assert tokenizer.decode(made[0].answer) == (" 6\n\n" if shots else " 6</s>")
    assert len(made[0].prompt) + len(made[0].answer) <= max(room, len(rows[0].prompt) + 3)


def test_an_encoder_reads_the_examples_and_the_decoder_ends_as_ever(
    tiny_base: Callable[[str], BaseModel],
) -> None:
    tokenizer = tiny_base("t5").tokenizer
    solved = encode_examples(tokenizer, SHOTS, "{input} {output}", seq2seq=True, limit=512)
    rows = encode_examples(tokenizer, [ROW], "{input} {output}", seq2seq=True, limit=512)
    made, _ = with_shots(rows, solved, tokenizer, seq2seq=True, limit=512, answer_room=4)
    assert made[0].answer == rows[0].answer
    assert tokenizer.eos_token_id not in made[0].prompt[:-1]


def test_an_answer_ends_where_the_next_row_would_begin() -> None:
    assert cut("6\n\nQ: 7 + 1", "6") == "6"
    assert cut("a\n\nb", "a\n\nb") == "a\n\nb"
