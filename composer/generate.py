"""Answers of a model and what they are worth: greedy generation, exact match, loss per row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from composer.base_model import BaseModel
from composer.examples import Example
from composer.prompts import EncodedRow, encode_examples, encode_prompt, render_prompt

IGNORED = -100  # torch's label for positions that carry no loss


@dataclass(frozen=True, slots=True)
class RowResults:
    """What a model did on rows: per row its loss (nats per answer token), its answer, and whether that is right."""

    losses: list[float]
    answers: list[str]
    correct: list[bool]

    @property
    def loss(self) -> float:
        return sum(self.losses) / len(self.losses)

    @property
    def exact_match(self) -> float:
        return sum(self.correct) / len(self.correct)


def evaluate_rows(
    base: BaseModel,
    examples: Sequence[Example],
    template: str,
    *,
    max_new_tokens: int = 32,
    batch_rows: int = 16,
) -> RowResults:
    """Losses and greedy answers of `base.model` in whatever state it is (bare, or wrapped by PEFT)."""
    answers = greedy_answers(
        base,
        [render_prompt(template, e.input) for e in examples],
        max_new_tokens=answer_budget(base, examples, maximum=max_new_tokens),
        batch_rows=batch_rows,
    )
    return RowResults(
        losses=row_losses(base, examples, template, batch_rows=batch_rows),
        answers=answers,
        correct=[is_exact_match(a, e.output) for a, e in zip(answers, examples, strict=True)],
    )


def normalize_answer(text: str) -> str:
    """As the published evaluation compares: surrounding space and full stops cut, lower case (LoraHub, algorithm.py)."""
    return text.strip().lower().strip(".").strip()


def is_exact_match(answer: str, expected: str) -> bool:
    return normalize_answer(answer) == normalize_answer(expected)


def answer_budget(base: BaseModel, examples: Sequence[Example], *, maximum: int) -> int:
    """How many tokens an answer may have: three more than the longest expected one. A longer answer is wrong anyway."""
    longest = max(len(base.tokenizer.encode(" " + e.output, add_special_tokens=False)) for e in examples)
    return min(maximum, longest + 3)


@torch.inference_mode()
def row_losses(
    base: BaseModel, examples: Sequence[Example], template: str, *, batch_rows: int = 16
) -> list[float]:
    """Mean cross-entropy over the answer tokens of each row, [len(examples)], in nats."""
    rows = encode_examples(
        base.tokenizer, examples, template, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].prompt) + len(rows[i].answer))
    losses = [0.0] * len(rows)
    for start in range(0, len(order), batch_rows):
        indices = order[start : start + batch_rows]
        values = batch_losses(base, [rows[i] for i in indices])
        for index, value in zip(indices, values.tolist(), strict=True):
            losses[index] = value
    return losses


def batch_losses(base: BaseModel, rows: Sequence[EncodedRow]) -> torch.Tensor:
    """Mean cross-entropy over the answer tokens of each row of one padded batch, [rows]; differentiable."""
    batch, labels = pad_rows(base, rows)
    if base.is_seq2seq:
        logits = base.model(**batch, labels=labels).logits
        targets = labels
        chosen = targets != IGNORED
        picked = logits[chosen]
    else:
        # The head is a fifth of a small model's work: run it at the positions that predict an answer token only.
        hidden = base.model.get_decoder()(**batch, use_cache=False).last_hidden_state[:, :-1]
        targets = labels[:, 1:]
        chosen = targets != IGNORED
        picked = base.model.get_output_embeddings()(hidden[chosen])
    token_losses = torch.nn.functional.cross_entropy(picked.float(), targets[chosen], reduction="none")
    row_of = torch.nonzero(chosen)[:, 0]
    sums = torch.zeros(len(rows), device=token_losses.device).index_add(0, row_of, token_losses)
    return sums / chosen.sum(dim=1)


def pad_rows(base: BaseModel, rows: Sequence[EncodedRow]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Model inputs and labels, padded on the right. The pad token may be the end token: masks go by length."""
    pad = base.tokenizer.pad_token_id or 0
    if base.is_seq2seq:
        sources, targets = [r.prompt for r in rows], [r.answer for r in rows]
        labels = _pad(targets, IGNORED)
    else:
        sources = [r.prompt + r.answer for r in rows]
        labels = _pad([[IGNORED] * len(r.prompt) + r.answer for r in rows], IGNORED)
    batch = {"input_ids": _pad(sources, pad), "attention_mask": _pad([[1] * len(s) for s in sources], 0)}
    return {name: tensor.to(base.device) for name, tensor in batch.items()}, labels.to(base.device)


@torch.inference_mode()
def greedy_answers(
    base: BaseModel,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    batch_rows: int = 16,
    before_batch: Callable[[list[int]], Any] | None = None,
) -> list[str]:
    """The greedy continuation of each prompt, decoded, in the order given.

    before_batch: told the indices of the rows of the batch that follows, in batch order (so that a caller can set
    something per row, for example the gate of each row's adapter).
    """
    encoded = [encode_prompt(base.tokenizer, p) for p in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(encoded[i]))
    answers = [""] * len(prompts)
    for start in range(0, len(order), batch_rows):
        indices = order[start : start + batch_rows]
        if before_batch is not None:
            before_batch(indices)
        for index, answer in zip(
            indices, _generate(base, [encoded[i] for i in indices], max_new_tokens), strict=True
        ):
            answers[index] = answer
    return answers


def _generate(base: BaseModel, prompts: Sequence[list[int]], max_new_tokens: int) -> list[str]:
    width = max(len(p) for p in prompts)
    pad = (
        base.tokenizer.pad_token_id
        if base.tokenizer.pad_token_id is not None
        else base.tokenizer.eos_token_id
    )
    left = not base.is_seq2seq  # a causal model continues at the right edge
    inputs = torch.tensor(
        [[pad] * (width - len(p)) + p if left else p + [pad] * (width - len(p)) for p in prompts]
    )
    mask = torch.tensor(
        [
            [0] * (width - len(p)) + [1] * len(p) if left else [1] * len(p) + [0] * (width - len(p))
            for p in prompts
        ]
    )
    output = base.model.generate(
        input_ids=inputs.to(base.device),
        attention_mask=mask.to(base.device),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        pad_token_id=pad,
        eos_token_id=base.tokenizer.eos_token_id,
        # A model's own generation_config may ask for sampling; these would only warn beside do_sample=False.
        temperature=None,
        top_p=None,
        top_k=None,
    )
    new = output if base.is_seq2seq else output[:, width:]
    return [text.strip() for text in base.tokenizer.batch_decode(new, skip_special_tokens=True)]


def _pad(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    width = max(len(s) for s in sequences)
    return torch.tensor([list(s) + [value] * (width - len(s)) for s in sequences])
