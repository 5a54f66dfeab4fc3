"""The losses, and the answers, of many weight vectors at once on one base model.

    evaluator = Evaluator(base, adapters)
    losses = evaluator.losses(weights, rows)        # [candidates, rows], a whole generation in a few forwards

What saves time, in order: arithmetic in bf16 where the processor has it; rows packed into one sequence with their common
beginning once; the vocabulary head at answer positions only; several candidates a forward (see composer.gates); attention
row by row; blocks below the first adapted layer once for all candidates.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import GenerationConfig

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.batches import Pack, batch_by_length, length_of, pack_rows, pad_causal, pad_seq2seq
from composer.errors import SettingsError
from composer.gates import Gates
from composer.limits import Limits
from composer.lower_blocks import LowerBlocks
from composer.methods import METHODS
from composer.norms import lean_norms, replaced
from composer.packable import can_pack
from composer.packed_attention import NAME as PACKED
from composer.packed_attention import packed_rows
from composer.prompts import EncodedRow

Losses = NDArray[np.float64]
Pulse = Callable[[], None]

PACK_TOKENS = 1024  # of one packed sequence
MASKED_TOKENS = 512  # where attention costs the square of it (composer.packed_attention)
MOST_LOGITS = 2**26  # of one forward: 256 MiB in float32

_copies: "WeakKeyDictionary[nn.Module, dict[torch.dtype, nn.Module]]" = WeakKeyDictionary()


class Evaluator:
    """A base model with adapters that are mixed per row; the model itself is never changed.

    method: "deltas" or "factors" (composer.methods). dtype: of the arithmetic; the base model's own if None, else a copy
    of the model in that dtype, made once per base model. pulse: called before every forward; it may raise to stop.

    limits: None takes what memory allows.

    Raises AdapterError if an adapter does not fit the base model, ComposerError `too_little_memory`.
    """

    def __init__(
        self,
        base: BaseModel,
        adapters: Sequence[Adapter],
        *,
        method: str = "deltas",
        dtype: torch.dtype | None = None,
        limits: Limits | None = None,
        pulse: Pulse = lambda: None,
    ) -> None:
        if method not in METHODS:
            raise SettingsError(f"the method must be one of {', '.join(METHODS)}, not {method!r}")
        self.base = base
        self.dtype = dtype or base.dtype
        self.limits = limits or Limits.of(
            base, adapters, dtype=self.dtype, method=method, copied=_has_copy(base, self.dtype)
        )
        self.model: Any = _model_as(base, self.dtype)
        self.gates = Gates(self.model, adapters, method=method)
        self.count = len(adapters)
        self.pulse = pulse
        self.pad = base.tokenizer.pad_token_id or 0
        self.forwards = 0
        head = self.model.get_output_embeddings()
        # An adapted head must see whole rows, to know each row's weights.
        self._head = None if head is None or any(m is head for m in self.gates.modules) else head
        self._norms = lean_norms(self.model) if base.device.type == "cpu" else []
        self._lower = LowerBlocks(self.model, [a.factors for a in adapters])
        self._packs: tuple[tuple[EncodedRow, ...], list[Pack]] | None = None
        self._states: dict[tuple[int, int], Tensor | None] = {}  # (first row of a pack, block)

    @property
    def is_packable(self) -> bool:
        """Whether rows can share one sequence: attention models that take a mask and positions per token."""
        return self.base.architecture == "causal" and can_pack(self.model.config)

    @torch.inference_mode()
    def losses(self, weights: NDArray[np.float64], rows: Sequence[EncodedRow]) -> Losses:
        """Mean cross-entropy over each row's answer tokens, in nats: [candidates, rows].

        weights: [candidates, n_modules]. Values may be infinite or NaN where a candidate makes the model overflow.
        """
        gates = torch.tensor(np.asarray(weights), dtype=torch.float32)
        if gates.dim() != 2 or gates.shape[1] != self.count:
            raise SettingsError(
                f"weights have the shape {tuple(gates.shape)}; [candidates, {self.count}] is expected"
            )
        result = np.full((len(gates), len(rows)), np.nan)
        if self.is_packable:
            self._packed_losses(gates, rows, result)
        else:
            self._padded_losses(gates, rows, result)
        return result

    def mean_losses(self, weights: NDArray[np.float64], rows: Sequence[EncodedRow]) -> NDArray[np.float64]:
        """The loss of each candidate, [candidates]: the mean over rows."""
        return self.losses(weights, rows).mean(axis=1)

    def _packed_losses(self, gates: Tensor, rows: Sequence[EncodedRow], result: Losses) -> None:
        if self._packs is None or self._packs[0] != tuple(rows):
            most = PACK_TOKENS if self._attention == PACKED else MASKED_TOKENS
            self._packs = (tuple(rows), pack_rows(rows, most_tokens=min(most, self.limits.tokens)))
            self._states = {}
        for pack in self._packs[1]:
            most = min(
                self.limits.tokens // len(pack.ids), MOST_LOGITS // (len(pack.picks) * self.vocabulary)
            )
            start = 0
            for part in gates.tensor_split(-(-len(gates) // max(1, most))):
                losses = self._pack_forward(pack, part)
                result[start : start + len(part), pack.rows] = losses.cpu().numpy()
                start += len(part)

    def _pack_forward(self, pack: Pack, gates: Tensor) -> Tensor:
        """[candidates, rows of the pack]"""
        count, device = len(gates), self.base.device
        first = self._lower.first(torch.nonzero((gates != 0).any(dim=0)).flatten().tolist())
        states = self._states_below(pack, first) if first else None
        pick_rows = torch.arange(count).repeat_interleave(len(pack.picks))
        with ExitStack() as stack:
            stack.enter_context(self.mixing(gates, attention=self._attention))
            picked = stack.enter_context(self.picking(pick_rows, pack.picks.repeat(count)))
            if states is not None:
                stack.enter_context(self._lower.skipped(first, states.expand(count, -1, -1)))
            logits = picked(self._run_pack(pack, count))
        row_of = (pick_rows * len(pack.rows) + pack.row_of.repeat(count)).to(device)
        means = row_means(logits, pack.targets.repeat(count).to(device), row_of, count * len(pack.rows))
        return means.view(count, -1)

    def _run_pack(self, pack: Pack, count: int) -> Any:
        device = self.base.device
        mask = torch.zeros(pack.visible.shape, dtype=self.dtype)
        mask.masked_fill_(~pack.visible, torch.finfo(self.dtype).min)
        with packed_rows(pack, self.dtype):
            return self.forward(
                input_ids=pack.ids.expand(count, -1).to(device),
                position_ids=pack.positions.expand(count, -1).to(device),
                attention_mask=mask[None, None].expand(count, 1, -1, -1).to(device),
                use_cache=False,
            )

    def _states_below(self, pack: Pack, first: int) -> Tensor | None:
        """What enters block `first` of a pack, [1, tokens, hidden], whatever the weights."""
        key = (pack.rows[0], first)
        if key not in self._states:
            with self.attending(self._attention), replaced(self._norms):
                self._states[key] = self._lower.states(first, lambda: self._run_pack(pack, 1))
        return self._states[key]

    def _padded_losses(self, gates: Tensor, rows: Sequence[EncodedRow], result: Losses) -> None:
        jobs = [(c, r) for r in range(len(rows)) for c in range(len(gates))]
        seq2seq = self.base.is_seq2seq
        lengths = [len(rows[r].prompt) if seq2seq else length_of(rows[r]) for _, r in jobs]
        longest = max(len(row.answer) for row in rows)
        most = min(self.limits.tokens, MOST_LOGITS // (longest * self.vocabulary) * max(lengths))
        for batch in batch_by_length(lengths, most_tokens=most):
            candidates, indices = [jobs[j][0] for j in batch], [jobs[j][1] for j in batch]
            losses = self._padded_forward(gates[candidates], [rows[r] for r in indices])
            result[candidates, indices] = losses.cpu().numpy()

    def _padded_forward(self, gates: Tensor, rows: Sequence[EncodedRow]) -> Tensor:
        """[rows], each with its own weights."""
        device = self.base.device
        extra: dict[str, Any] = {"use_cache": False}
        if self.base.is_seq2seq:
            padded, labels = pad_seq2seq(rows, self.pad)
            extra["decoder_input_ids"] = self.model.prepare_decoder_input_ids_from_labels(labels.to(device))
        else:
            padded = pad_causal(rows, self.pad)
        with self.mixing(gates), self.picking(padded.pick_rows, padded.pick_columns) as picked:
            logits = picked(
                self.forward(input_ids=padded.ids.to(device), attention_mask=padded.mask.to(device), **extra)
            )
        return row_means(logits, padded.targets.to(device), padded.pick_rows.to(device), len(rows))

    @contextmanager
    def mixing(self, gates: Tensor, *, attention: str = "sdpa") -> Iterator[None]:
        """Inside, row i of every batch runs with the weights gates[i].

        Attention is fused meanwhile where the model can: no scores of [tokens, tokens] per head stand in memory.
        """
        with self.attending(attention), replaced(self._norms), self.gates.rows(gates):
            yield

    @contextmanager
    def attending(self, attention: str) -> Iterator[None]:
        """Inside, the model's attention is computed in this way, if it leaves the choice."""
        before = self.model.config._attn_implementation
        if self.is_packable and self.model._supports_sdpa:
            self.model.set_attn_implementation(attention)
        try:
            yield
        finally:
            if self.model.config._attn_implementation != before:
                self.model.set_attn_implementation(before)

    @property
    def _attention(self) -> str:
        """Of packs. Fused kernels of GPUs are slower with grouped heads and a mask than with the whole mask."""
        fits = self.base.device.type == "cpu" and self.model._supports_sdpa
        return PACKED if fits and self.model._supports_attention_backend else "sdpa"

    def forward(self, **inputs: Any) -> Any:
        """One call of the model, counted, after the pulse."""
        self.pulse()
        self.forwards += 1
        return self.model(**inputs)

    def generate(
        self, prompts: Sequence[Sequence[int]], most: int, ends: frozenset[int] | None = None
    ) -> list[list[int]]:
        """Greedy continuations by the model's own generate, cut at the first of `ends` (the end token), at most `most`
        tokens each.

        Decoders continue at the right edge, so their prompts are padded on the left; the mask keeps a state-space
        model's state at zero there.
        """
        self.pulse()
        width = max(len(p) for p in prompts)
        left = not self.base.is_seq2seq
        fill = [[self.pad] * (width - len(p)) for p in prompts]
        zeros = [[0] * len(f) for f in fill]
        ones = [[1] * len(p) for p in prompts]
        ids = [f + list(p) if left else list(p) + f for f, p in zip(fill, prompts, strict=True)]
        mask = [z + o if left else o + z for z, o in zip(zeros, ones, strict=True)]
        ends = ends or frozenset({int(self.base.tokenizer.eos_token_id)})
        output = self.model.generate(
            input_ids=torch.tensor(ids, device=self.base.device),
            attention_mask=torch.tensor(mask, device=self.base.device),
            generation_config=GenerationConfig(
                max_new_tokens=most,
                do_sample=False,
                num_beams=1,
                eos_token_id=sorted(ends),
                pad_token_id=self.pad,
                decoder_start_token_id=getattr(self.model.config, "decoder_start_token_id", None),
            ),
        )
        answers = []
        for row in output[:, width if left else 1 :].tolist():
            stop = next((k for k, token in enumerate(row) if token in ends), None)
            answers.append(row[:stop])
        return answers

    @property
    def vocabulary(self) -> int:
        return int(self.model.config.vocab_size)

    @contextmanager
    def picking(self, rows: Tensor, columns: Tensor) -> Iterator[Callable[[Any], Tensor]]:
        """Inside, the vocabulary head runs at (rows, columns) only; the yielded function takes logits [n, vocabulary]
        out of the model's output, in float32. Works for any model, since only the head's input is changed."""
        device = self.base.device
        rows, columns = rows.to(device), columns.to(device)
        if self._head is None:
            yield lambda output: output.logits[rows, columns].float()
            return
        handle = self._head.register_forward_pre_hook(
            lambda _, args: (args[0][rows, columns][None], *args[1:])
        )
        try:
            yield lambda output: output.logits[0].float()
        finally:
            handle.remove()


def row_means(logits: Tensor, targets: Tensor, row_of: Tensor, rows: int) -> Tensor:
    """Mean cross-entropy per row, [rows], float64. logits: [n, vocabulary]; targets, row_of: [n]."""
    losses = nn.functional.cross_entropy(logits, targets, reduction="none").double()
    sums = torch.zeros(rows, dtype=torch.float64, device=logits.device).index_add_(0, row_of, losses)
    return sums / torch.bincount(row_of, minlength=rows)


def _has_copy(base: BaseModel, dtype: torch.dtype) -> bool:
    return dtype == base.dtype or dtype in _copies.get(base.model, {})


def _model_as(base: BaseModel, dtype: torch.dtype) -> Any:
    """The base model in `dtype`: itself, or a copy that lives as long as it does (a worker keeps its base model warm)."""
    model: nn.Module = base.model
    if dtype == base.dtype:
        return model
    copies = _copies.setdefault(model, {})
    if dtype not in copies:
        copies[dtype] = copy.deepcopy(model).to(dtype)
    return copies[dtype]
