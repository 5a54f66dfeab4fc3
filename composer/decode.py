"""Losses and greedy answers of many (weights, row) pairs in one pass over the prompts.

An attention model reads prompt and expected answer once. As far as its own choices agree with the expected answer, this
already is its greedy answer; only rows that disagree go on, from the keys and values of the tokens they agreed on. Other
models run once for the losses and once to generate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from composer.batches import batch_by_length, common_prefix, length_of, pad_causal
from composer.evaluator import Evaluator, row_means
from composer.examples import Example
from composer.generate import RowResults, answer_budget, end_tokens, is_exact_match
from composer.options import rank_options
from composer.prompts import EncodedRow, PromptFormat, encode_examples

LEAST_PREFIX = 8  # tokens: sharing a shorter beginning costs more than it saves


def row_results(
    evaluator: Evaluator,
    weights: NDArray[np.float64],
    examples: Sequence[Example],
    prompt: PromptFormat | str,
    *,
    max_new_tokens: int = 32,
) -> list[RowResults]:
    """What the model does on the examples under each weight vector: losses, greedy answers, exact matches, and the
    options that it finds likeliest where rows have any.

    weights: [candidates, n_modules]. Equal to generate.evaluate_rows on the base model with each combination merged.
    """
    base = evaluator.base
    rows = encode_examples(
        base.tokenizer, examples, prompt, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    return encoded_results(
        evaluator, weights, rows, examples, ends=end_tokens(base, prompt), max_new_tokens=max_new_tokens
    )


def encoded_results(
    evaluator: Evaluator,
    weights: NDArray[np.float64],
    rows: Sequence[EncodedRow],
    examples: Sequence[Example],
    *,
    ends: frozenset[int] | None = None,
    max_new_tokens: int = 32,
) -> list[RowResults]:
    """The same of rows that are encoded already; rows[i] asks for the output of examples[i]. ends: the tokens that end an
    answer; the tokenizer's end token if None."""
    base = evaluator.base
    ends = ends or frozenset({int(base.tokenizer.eos_token_id)})
    most = answer_budget(base, examples, maximum=max_new_tokens)
    if evaluator.is_packable:
        losses, tokens = _read_and_continue(
            evaluator, torch.tensor(weights, dtype=torch.float32), rows, most, ends
        )
    else:
        losses = evaluator.losses(weights, rows)
        tokens = _generate(evaluator, torch.tensor(weights, dtype=torch.float32), rows, most, ends)
    options = rank_options(evaluator, weights, rows, examples)
    results = []
    for candidate in range(len(weights)):
        decoded = base.tokenizer.batch_decode(tokens[candidate], skip_special_tokens=True)
        answers = [text.strip() for text in decoded]
        correct = [is_exact_match(a, e.output) for a, e in zip(answers, examples, strict=True)]
        results.append(RowResults(losses[candidate].tolist(), answers, correct, options[candidate]))
    return results


@dataclass(slots=True)
class _Answer:
    """tokens so far, without the end token; seen: tokens of prompt and answer that are in the cache."""

    tokens: list[int]
    seen: int
    done: bool


@torch.inference_mode()
def _read_and_continue(
    evaluator: Evaluator,
    gates: Tensor,
    rows: Sequence[EncodedRow],
    most: int,
    ends: frozenset[int],
) -> tuple[NDArray[np.float64], list[list[list[int]]]]:
    """losses [candidates, rows]; answers[candidate][row]: tokens"""
    losses = np.empty((len(gates), len(rows)))
    answers: list[list[list[int]]] = [[[] for _ in rows] for _ in gates]
    # The whole pass shares one beginning: it is read once per candidate of a batch instead of once per row.
    shared = min(common_prefix([r.prompt for r in rows]), min(len(r.prompt) for r in rows) - 1)
    shared = shared if shared >= LEAST_PREFIX and len(rows) > 1 else 0
    jobs = [(c, r) for c in range(len(gates)) for r in range(len(rows))]
    lengths = [length_of(rows[r]) - shared for _, r in jobs]
    for batch in batch_by_length(lengths, most_tokens=evaluator.limits.tokens, waste=0.1):
        pairs = [jobs[j] for j in batch]
        values, found = _batch(
            evaluator, gates, [c for c, _ in pairs], [rows[r] for _, r in pairs], shared, most, ends
        )
        for (candidate, row), value, answer in zip(pairs, values, found, strict=True):
            losses[candidate, row] = value
            answers[candidate][row] = answer.tokens
    return losses, answers


def _batch(
    evaluator: Evaluator,
    gates: Tensor,
    candidates: list[int],
    rows: list[EncodedRow],
    shared: int,
    most: int,
    ends: frozenset[int],
) -> tuple[list[float], list[_Answer]]:
    device = evaluator.base.device
    padded = pad_causal(rows, evaluator.pad, skip=shared)
    mask = torch.cat([torch.ones(len(rows), shared, dtype=torch.long), padded.mask], dim=1)
    cache = None
    with evaluator.mixing(gates[candidates]):
        if shared:
            distinct = sorted(set(candidates))
            evaluator.gates.set(gates[distinct])
            prefix = torch.tensor([rows[0].prompt[:shared]]).expand(len(distinct), -1).to(device)
            with evaluator.picking(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long)):
                cache = evaluator.forward(input_ids=prefix, use_cache=True).past_key_values
            cache.batch_select_indices(torch.tensor([distinct.index(c) for c in candidates], device=device))
            evaluator.gates.set(gates[candidates])
        with evaluator.picking(padded.pick_rows, padded.pick_columns) as picked:
            output = evaluator.forward(
                input_ids=padded.ids.to(device),
                attention_mask=mask.to(device),
                position_ids=(shared + torch.arange(padded.ids.shape[1])).expand(len(rows), -1).to(device),
                past_key_values=cache,
                use_cache=True,
            )
            logits = picked(output)
        values = row_means(logits, padded.targets.to(device), padded.pick_rows.to(device), len(rows))
        found = _agreed(rows, logits.argmax(dim=1).tolist(), ends, most)
        _continue(evaluator, gates[candidates], output.past_key_values, mask, found, ends, most)
    return values.tolist(), found


def _agreed(rows: Sequence[EncodedRow], choices: list[int], ends: frozenset[int], most: int) -> list[_Answer]:
    """Each row's greedy answer up to and with the first token that is not the expected one."""
    found, start = [], 0
    for row in rows:
        chosen = choices[start : start + len(row.answer)]
        start += len(row.answer)
        agree = next((k for k, token in enumerate(row.answer) if chosen[k] != token), len(row.answer))
        tokens = chosen[: agree + 1]
        stop = next((k for k, token in enumerate(tokens) if token in ends), None)
        done = stop is not None or len(tokens) >= most
        tokens = tokens[:stop]
        found.append(
            _Answer(tokens=tokens[:most], seen=len(row.prompt) + min(agree, len(row.answer) - 1), done=done)
        )
    return found


def _continue(
    evaluator: Evaluator,
    gates: Tensor,
    cache: object,
    mask: Tensor,
    found: list[_Answer],
    ends: frozenset[int],
    most: int,
) -> None:
    """Let the unfinished rows go on, one token a forward; rows that finish leave the batch."""
    device = evaluator.base.device
    running = [i for i, answer in enumerate(found) if not answer.done]
    if not running:
        return
    width = mask.shape[1]
    # Tokens that were only expected stay in the cache and are masked.
    columns = torch.arange(width)
    mask = torch.stack([(columns < found[i].seen).long() for i in running])
    _select(cache, running, device)
    step = 0
    while running:
        evaluator.gates.set(gates[running])
        mask = torch.cat([mask, torch.ones(len(running), 1, dtype=torch.long)], dim=1)
        rows, columns = torch.arange(len(running)), torch.zeros(len(running), dtype=torch.long)
        with evaluator.picking(rows, columns) as picked:
            logits = picked(
                evaluator.forward(
                    input_ids=torch.tensor([[found[i].tokens[-1]] for i in running], device=device),
                    attention_mask=mask.to(device),
                    position_ids=torch.tensor([[found[i].seen + step] for i in running], device=device),
                    past_key_values=cache,
                    use_cache=True,
                )
            )
        step += 1
        for index, token in zip(running, logits.argmax(dim=1).tolist(), strict=True):
            answer = found[index]
            if token not in ends:
                answer.tokens.append(token)
            answer.done = token in ends or len(answer.tokens) >= most
        kept = [k for k, index in enumerate(running) if not found[index].done]
        if len(kept) < len(running):
            running = [running[k] for k in kept]
            if running:
                mask = mask[kept]
                _select(cache, kept, device)


def _select(cache: object, indices: list[int], device: torch.device) -> None:
    cache.batch_select_indices(torch.tensor(indices, device=device))  # type: ignore[attr-defined]


@torch.inference_mode()
def _generate(
    evaluator: Evaluator,
    gates: Tensor,
    rows: Sequence[EncodedRow],
    most: int,
    ends: frozenset[int],
) -> list[list[list[int]]]:
    """Answers by the model's own generate, all rows of like length in one batch: [candidates][rows] tokens."""
    answers: list[list[list[int]]] = [[[] for _ in rows] for _ in gates]
    jobs = [(c, r) for c in range(len(gates)) for r in range(len(rows))]
    lengths = [len(rows[r].prompt) for _, r in jobs]
    for batch in batch_by_length(lengths, most_tokens=evaluator.limits.tokens):
        candidates, indices = [jobs[j][0] for j in batch], [jobs[j][1] for j in batch]
        with evaluator.mixing(gates[candidates]):
            found = evaluator.generate([rows[r].prompt for r in indices], most, ends)
        for candidate, row, tokens in zip(candidates, indices, found, strict=True):
            answers[candidate][row] = tokens
    return answers
