"""What the parts of one packed forward cost by themselves, so that an evaluation can be explained line by line.

Every line runs the model's own modules, or the same operation on tensors of the same shapes, for all layers in turn. What
the whole takes beyond their sum is calls, copies and caches that other tensors have emptied.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from composer.batches import Pack
from composer.evaluator import Evaluator, row_means
from composer.norms import lean_norms
from composer.packed_attention import packed_attention, packed_rows


@torch.inference_mode()
def floor(evaluator: Evaluator, pack: Pack, *, candidates: int, repeats: int) -> dict[str, float]:
    """line -> ms of processor time per evaluation on one thread, of a Llama with adapters on q_proj and v_proj; medians."""
    model, config, dtype = evaluator.model, evaluator.model.config, evaluator.dtype
    tokens, blocks, heads = len(pack.ids), config.num_hidden_layers, config.num_attention_heads
    linears = [m for n, m in model.named_modules() if isinstance(m, nn.Linear) and n != "lm_head"]
    norms = [lean for _, lean in lean_norms(model)]
    inputs = {
        width: torch.randn(candidates, tokens, width).to(dtype)
        for width in {m.in_features for m in linears} | {config.intermediate_size}
    }
    states, inner = inputs[config.hidden_size], inputs[config.intermediate_size]
    query, key, value = (
        torch.randn(candidates, tokens, count, config.head_dim).to(dtype).transpose(1, 2)
        for count in (heads, config.num_key_value_heads, config.num_key_value_heads)
    )
    cos, sin = model.model.rotary_emb(states, pack.positions[None].expand(candidates, -1))
    picks = torch.randn(candidates * len(pack.picks), config.hidden_size).to(dtype)
    targets = pack.targets.repeat(candidates)
    row_of = torch.arange(candidates).repeat_interleave(len(pack.picks)) * len(pack.rows)
    row_of = row_of + pack.row_of.repeat(candidates)
    evaluator.gates.set(torch.full((candidates, evaluator.count), 0.1))
    hooks = list(zip(evaluator.gates.modules, evaluator.gates.layers.values(), strict=True))
    outputs = {m.out_features: torch.zeros(candidates, tokens, m.out_features, dtype=dtype) for m, _ in hooks}

    def head() -> Iterator[None]:
        logits = model.lm_head(picks).float()
        row_means(logits, targets, row_of, candidates * len(pack.rows))
        yield

    def attention() -> Iterator[None]:
        with packed_rows(pack, dtype):
            for _ in range(blocks):
                packed_attention(nn.Identity(), query, key, value, None, scaling=0.125)
                yield

    # Generators, drained: kept results would cost fresh memory, which a forward takes from what it has freed.
    lines: dict[str, Callable[[], Any]] = {
        "matrix products": lambda: (m(inputs[m.in_features]) for m in linears),
        "modules' products and gates": lambda: (
            layer.hook(m, (inputs[m.in_features],), outputs[m.out_features]) for m, layer in hooks
        ),
        "attention": attention,
        "norms": lambda: (m(states) for m in norms),
        "rotary positions": lambda: (apply_rotary_pos_emb(query, key, cos, sin) for _ in range(blocks)),
        "activation times gate": lambda: (nn.functional.silu(inner) * inner for _ in range(blocks)),
        "residual sums": lambda: (states + states for _ in range(2 * blocks)),
        "head and loss at answer positions": head,
    }
    times: dict[str, list[float]] = {name: [] for name in lines}
    for number in range(repeats + 1):
        for name, run in lines.items():
            began = time.process_time()
            for _ in run():
                pass
            if number:  # the first warms up
                times[name].append((time.process_time() - began) * 1000 / candidates)
    return {name: round(statistics.median(values), 1) for name, values in times.items()}
