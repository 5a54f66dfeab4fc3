"""In-context learning: the examples written before the row, instead of weights. Torch-free."""

from collections.abc import Sequence
from typing import Any

from composer.prompts import EncodedRow

SEPARATOR = "\n\n"


def with_shots(
    rows: Sequence[EncodedRow],
    shots: Sequence[EncodedRow],
    tokenizer: Any,
    *,
    seq2seq: bool,
    limit: int,
    answer_room: int,
) -> tuple[list[EncodedRow], int]:
    """The rows with as many of the shots before each as all of them have room for, and how many shots that are.

    rows, shots: encoded by the same template, so a shot reads exactly as a row that has been answered. answer_room: tokens
    that an answer may need; limit: the model's context length in tokens. Shots are left out from the end. It joins tokens,
    so no text of a user is read as a template.

    A decoder is taught by the shots to end an answer with the separator, so that takes the place of the end token in its
    rows; answers are then to be cut by `cut`. An encoder-decoder model still ends its answers itself.
    """
    separator = tokenizer.encode(SEPARATOR, add_special_tokens=False)
    solved = [
        [*_inner(shot.prompt, tokenizer), *_inner(shot.answer, tokenizer), *separator] for shot in shots
    ]
    longest = max(
        max(len(row.prompt), len(row.answer))
        if seq2seq
        else len(row.prompt) + max(len(row.answer), answer_room)
        for row in rows
    )
    count = len(solved)
    while count and longest + sum(map(len, solved[:count])) > limit:
        count -= 1
    before = [token for shot in solved[:count] for token in shot]
    made = []
    for row in rows:
        opening = row.prompt[:1] if before and row.prompt[:1] == [tokenizer.bos_token_id] else []
        answer, *options = (
            tokens if seq2seq or not count else [*tokens[:-1], *separator]
            for tokens in (row.answer, *row.options)
        )
        made.append(EncodedRow([*opening, *before, *row.prompt[len(opening) :]], answer, options))
    return made, count


def cut(answer: str, expected: str) -> str:
    """The answer up to the separator, behind which a decoder goes on to invent rows."""
    return answer if SEPARATOR in expected else answer.partition(SEPARATOR)[0].strip()


def _inner(tokens: Sequence[int], tokenizer: Any) -> list[int]:
    """The tokens without the marks of a beginning and an end, which belong to a whole prompt."""
    first = int(bool(tokens) and tokens[0] == tokenizer.bos_token_id)
    last = len(tokens) - int(len(tokens) > first and tokens[-1] == tokenizer.eos_token_id)
    return list(tokens[first:last])
