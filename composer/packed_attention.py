"""Attention over packed rows, one row at a time: a pack costs the sum of its rows' squares, not the square of their sum.

The model's own code calls it, through transformers' attention interface. It gives what the pack's mask gives, and the mask
is still passed: a layer that does not ask the interface is right all the same, only slower.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from composer.batches import Pack

NAME = "composer_packed"


@dataclass(frozen=True, slots=True)
class _Rows:
    """shared: tokens of the common beginning. spans: where each row stands; masks: [tokens of the row, shared + these],
    None for the first row, which stands right behind the beginning and is causal together with it."""

    tokens: int
    shared: int
    spans: list[tuple[int, int]]
    masks: list[Tensor | None]


_rows: ContextVar[_Rows | None] = ContextVar("packed_rows", default=None)


@contextmanager
def packed_rows(pack: Pack, dtype: torch.dtype) -> Iterator[None]:
    """Inside, attention named NAME over as many tokens as the pack has keeps the rows of the pack apart by itself."""
    spans = list(zip(pack.starts, [*pack.starts[1:], len(pack.ids)], strict=True))
    shared = pack.starts[0]
    masks: list[Tensor | None] = [None]
    for start, end in spans[1:]:
        visible = torch.ones(end - start, shared + end - start, dtype=torch.bool).tril(shared)
        masks.append(torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, -torch.inf))
    token = _rows.set(_Rows(len(pack.ids), shared, spans, masks))
    try:
        yield
    finally:
        _rows.reset(token)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """[batch, tokens, heads, d_head] from query [batch, heads, tokens, d_head], key and value of as many or fewer heads."""
    rows = _rows.get()
    plain = rest.get("position_bias") is None and rest.get("softcap") is None
    if rows is None or not plain or not query.shape[2] == key.shape[2] == rows.tokens:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **rest
        )
    output = query.new_empty(query.shape[0], rows.tokens, query.shape[1], value.shape[3])
    for (start, end), mask in zip(rows.spans, rows.masks, strict=True):
        if mask is None:
            start = 0
            keys, values = key[:, :, :end], value[:, :, :end]
        else:
            keys, values = (
                torch.cat([x[:, :, : rows.shared], x[:, :, start:end]], dim=2) for x in (key, value)
            )
        row = nn.functional.scaled_dot_product_attention(
            query[:, :, start:end],
            keys,
            values,
            attn_mask=mask,
            dropout_p=dropout,
            is_causal=mask is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        output[:, start:end] = row.transpose(1, 2)
    return output, None


AttentionInterface.register(NAME, packed_attention)
