"""How rows become the batches of one forward: packed into one sequence, or padded. Tensors only, no model.

A *pick* is a position whose logits predict an answer token: only these ever reach the vocabulary head.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from composer.prompts import EncodedRow

LEAST_PREFIX = 4  # tokens; sharing fewer is not worth a second pass


@dataclass(frozen=True, slots=True)
class Pack:
    """Several rows in one sequence, their common beginning once; every row sees that and itself only.

    ids, positions: [tokens]; visible: [tokens, tokens], True where a token (row) may look at another (column).
    picks, targets, row_of: [n_picks]; row_of counts the rows of this pack. rows: their indices in the caller's list;
    starts: the first token of each that is its own.
    """

    ids: Tensor
    positions: Tensor
    visible: Tensor
    picks: Tensor
    targets: Tensor
    row_of: Tensor
    rows: list[int]
    starts: list[int]


@dataclass(frozen=True, slots=True)
class Padded:
    """Rows side by side, padded on the right, so that position and state of a token never depend on the padding.

    ids, mask: [rows, tokens]; targets: the answer tokens of all rows one after the other, [n_picks];
    pick_rows, pick_columns: where each is predicted.
    """

    ids: Tensor
    mask: Tensor
    pick_rows: Tensor
    pick_columns: Tensor
    targets: Tensor


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with."""
    first, last = min(map(list, sequences)), max(map(list, sequences))
    length = min(len(first), len(last))
    return next((i for i in range(length) if first[i] != last[i]), length)


def pack_rows(rows: Sequence[EncodedRow], *, most_tokens: int) -> list[Pack]:
    """The rows in as few packs as most_tokens allows (a longer row has a pack of its own), in order of length.

    Attention costs the square of a pack, so packs are filled to a few hundred tokens and not further.
    """
    order = sorted(range(len(rows)), key=lambda i: (length_of(rows[i]), i))
    groups: list[list[int]] = []
    filled = 0
    for index in order:
        length = length_of(rows[index])
        if not groups or filled + length > most_tokens:
            groups.append([])
            filled = 0
        groups[-1].append(index)
        filled += length
    return [_pack(rows, group) for group in groups]


def length_of(row: EncodedRow) -> int:
    """Tokens that the model reads of a row: all but the last of the answer, which is only predicted."""
    return len(row.prompt) + len(row.answer) - 1


def _pack(rows: Sequence[EncodedRow], group: list[int]) -> Pack:
    # A prompt may be the beginning of another: its last token is kept out of the prefix, so every row has its own.
    shared = min(common_prefix([rows[i].prompt for i in group]), min(len(rows[i].prompt) for i in group) - 1)
    if len(group) == 1 or shared < LEAST_PREFIX:
        shared = 0
    ids = list(rows[group[0]].prompt[:shared])
    positions = list(range(shared))
    owner = [-1] * shared
    picks, targets, row_of, starts = [], [], [], []
    for number, index in enumerate(group):
        row = rows[index]
        starts.append(len(ids))
        start = len(ids) - shared  # position p >= shared of this row stands at start + p
        ids += row.prompt[shared:] + row.answer[:-1]
        positions += range(shared, length_of(row))
        owner += [number] * (length_of(row) - shared)
        picks += [start + len(row.prompt) - 1 + k for k in range(len(row.answer))]
        targets += row.answer
        row_of += [number] * len(row.answer)
    owners = torch.tensor(owner)
    visible = (owners[:, None] == owners[None, :]) | (owners[None, :] == -1)
    return Pack(
        ids=torch.tensor(ids),
        positions=torch.tensor(positions),
        visible=visible.tril(),
        picks=torch.tensor(picks),
        targets=torch.tensor(targets),
        row_of=torch.tensor(row_of),
        rows=group,
        starts=starts,
    )


def batch_by_length(lengths: Sequence[int], *, most_tokens: int, waste: float = 0.15) -> Iterator[list[int]]:
    """Indices in batches of like length: at most most_tokens after padding, of which at most `waste` is padding.

    Small batches are not split for the sake of padding: a forward of a few tokens costs as much as one of fifty.
    """
    batch: list[int] = []
    real = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        padded = lengths[index] * (len(batch) + 1)
        wasteful = padded > 64 and padded - real - lengths[index] > waste * padded and real >= 64
        if batch and (padded > most_tokens or wasteful):
            yield batch
            batch, real = [], 0
        batch.append(index)
        real += lengths[index]
    if batch:
        yield batch


def pad_causal(rows: Sequence[EncodedRow], pad: int, *, skip: int = 0) -> Padded:
    """Prompts and answers (without their last tokens) side by side; the first `skip` tokens are left out of ids."""
    sequences = [(row.prompt + row.answer[:-1])[skip:] for row in rows]
    return Padded(
        ids=_pad(sequences, pad),
        mask=_pad([[1] * len(s) for s in sequences], 0),
        pick_rows=torch.tensor([i for i, row in enumerate(rows) for _ in row.answer]),
        pick_columns=torch.tensor(
            [len(row.prompt) - 1 - skip + k for row in rows for k in range(len(row.answer))]
        ),
        targets=torch.tensor([token for row in rows for token in row.answer]),
    )


def pad_seq2seq(rows: Sequence[EncodedRow], pad: int) -> tuple[Padded, Tensor]:
    """The prompts side by side for the encoder, the picks of the decoder, and the decoder's labels [rows, tokens].

    Labels are padded with `pad`: what stands behind an answer is never picked.
    """
    sources = [row.prompt for row in rows]
    padded = Padded(
        ids=_pad(sources, pad),
        mask=_pad([[1] * len(s) for s in sources], 0),
        pick_rows=torch.tensor([i for i, row in enumerate(rows) for _ in row.answer]),
        pick_columns=torch.tensor([k for row in rows for k in range(len(row.answer))]),
        targets=torch.tensor([token for row in rows for token in row.answer]),
    )
    return padded, _pad([row.answer for row in rows], pad)


def _pad(sequences: Sequence[Sequence[int]], value: int) -> Tensor:
    width = max(len(s) for s in sequences)
    return torch.tensor([list(s) + [value] * (width - len(s)) for s in sequences])
