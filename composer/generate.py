"""Answers of a model and what they are worth: greedy generation, exact match, loss per row."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from composer.base_model import BaseModel
from composer.examples import Example
from composer.prompts import EncodedRow, PromptFormat, encode_examples, end_token, prompt_tokens

IGNORED = -100  # torch's label for positions that carry no loss


@dataclass(frozen=True, slots=True)
class RowResults:
    """What a model did on rows: per row its loss (nats per answer token), its answer, and whether that is right.

    options: of each row with answers to choose from, what was chosen (composer.options), None of the others; empty if
    nothing was ranked.
    """

    losses: list[float]
    answers: list[str]
    correct: list[bool]
    options: "list[OptionChoice | None]" = field(default_factory=list)

    @property
    def loss(self) -> float:
        return sum(self.losses) / len(self.losses)

    @property
    def exact_match(self) -> float:
        return sum(self.correct) / len(self.correct)

    @property
    def option_accuracy(self) -> float | None:
        """The share of rows whose right option is the likeliest per token; None if no row has options."""
        ranked = [choice.correct for choice in self.options if choice is not None]
        return sum(ranked) / len(ranked) if ranked else None


@dataclass(frozen=True, slots=True)
class OptionChoice:
    """The likeliest of a row's options: by the mean log-likelihood of its tokens, and by their sum."""

    by_mean: str
    by_sum: str
    expected: str

    @property
    def correct(self) -> bool:
        return self.by_mean == self.expected

    @property
    def correct_by_sum(self) -> bool:
        return self.by_sum == self.expected


def evaluate_rows(
    base: BaseModel,
    examples: Sequence[Example],
    prompt: PromptFormat | str,
    *,
    max_new_tokens: int = 32,
    batch_rows: int = 16,
) -> RowResults:
    """Losses and greedy answers of `base.model` in whatever state it is (bare, or wrapped by PEFT)."""
    answers = greedy_answers(
        base,
        [e.input for e in examples],
        prompt,
        max_new_tokens=answer_budget(base, examples, maximum=max_new_tokens),
        batch_rows=batch_rows,
    )
    return RowResults(
        losses=row_losses(base, examples, prompt, batch_rows=batch_rows),
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
    base: BaseModel, examples: Sequence[Example], prompt: PromptFormat | str, *, batch_rows: int = 16
) -> list[float]:
    """Mean cross-entropy over the answer tokens of each row, [len(examples)], in nats."""
    rows = encode_examples(
        base.tokenizer, examples, prompt, seq2seq=base.is_seq2seq, limit=base.context_length
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
        targets = labels[:, 1:]
        chosen = targets != IGNORED
        # The head is a fifth of a small model's work: it runs at the positions that predict an answer token only. Within
        # the model's own forward, for some models scale or cap the logits behind it.
        head = base.model.get_output_embeddings()
        handle = head.register_forward_pre_hook(lambda _, args: (args[0][:, :-1][chosen][None], *args[1:]))
        try:
            picked = base.model(**batch, use_cache=False).logits[0]
        finally:
            handle.remove()
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
    inputs: Sequence[str],
    prompt: PromptFormat | str,
    *,
    max_new_tokens: int,
    batch_rows: int = 16,
) -> list[str]:
    """The greedy answer to each input, decoded, in the order given."""
    encoded = [prompt_tokens(base.tokenizer, text, prompt) for text in inputs]
    ends = sorted(end_tokens(base, prompt))
    order = sorted(range(len(inputs)), key=lambda i: len(encoded[i]))
    answers = [""] * len(inputs)
    for start in range(0, len(order), batch_rows):
        indices = order[start : start + batch_rows]
        found = _generate(base, [encoded[i] for i in indices], max_new_tokens, ends)
        for index, answer in zip(indices, found, strict=True):
            answers[index] = answer
    return answers


def end_tokens(base: BaseModel, prompt: PromptFormat | str) -> frozenset[int]:
    """The tokens that end a greedy answer: the tokenizer's end token and, in a chat, the model's own end of a turn."""
    own = end_token(base.tokenizer, prompt, seq2seq=base.is_seq2seq)
    end = base.tokenizer.eos_token_id
    return frozenset({own} if end is None else {own, int(end)})


def _generate(
    base: BaseModel, prompts: Sequence[list[int]], max_new_tokens: int, ends: list[int]
) -> list[str]:
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
        eos_token_id=ends,
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
