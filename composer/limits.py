"""How much goes into one forward, by the memory that there is; and whether a job fits at all (composer.memory)."""

from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from composer.adapters import Adapter
from composer.base_model import BaseModel, adaptable_layers
from composer.memory import (
    RUNTIME,
    JobMemory,
    ModelShapes,
    ModuleShapes,
    RowShapes,
    available_memory,
    evaluator_bytes,
    fitting_tokens,
    job_memory,
    too_little,
)
from composer.prompts import EncodedRow
from composer.tuning import BATCH_ROWS

CPU_TOKENS = 2560  # about four candidates on five examples; more is no faster (benchmarks/evaluator.py)
GPU_TOKENS = 2**17
LEAST_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """tokens: of one forward, padding included. memory: bytes the whole process may have (None: what the machine has)."""

    tokens: int = CPU_TOKENS
    memory: int | None = None

    @staticmethod
    def of(
        base: BaseModel,
        adapters: Sequence[Adapter],
        *,
        dtype: torch.dtype,
        method: str = "deltas",
        copied: bool = True,
        memory: int | None = None,
    ) -> "Limits":
        """What fits beside the adapters' factors and, unless it is there, a copy of the model in this dtype.

        Raises ComposerError `too_little_memory`.
        """
        model, modules = model_shapes(base), module_shapes(adapters)
        free = free_memory(base.device, memory) - evaluator_bytes(modules, dtype.itemsize, method)
        tokens = fitting_tokens(
            model,
            modules,
            size=dtype.itemsize,
            wanted=GPU_TOKENS if base.device.type == "cuda" else CPU_TOKENS,
            least=LEAST_TOKENS,
            available=free - (0 if copied else model.parameters * dtype.itemsize),
        )
        return Limits(tokens=tokens, memory=memory)


def predict_job(
    base: BaseModel,
    adapters: Sequence[Adapter],
    examples: Sequence[EncodedRow],
    others: Sequence[EncodedRow] = (),
    *,
    tokens: int = CPU_TOKENS,
    method: str = "deltas",
    in_context: bool = False,
    tuned: bool = False,
    runtime: int = RUNTIME,
) -> JobMemory:
    """The peak of composing these. others: rows compared on. in_context: these are also read behind all the examples;
    tuned: a LoRA is tuned on the examples."""
    rows = [*examples, *others]
    longest = max(len(row.prompt) + len(row.answer) for row in rows)
    if in_context:
        # No prompt is longer than the context: fewer examples are shown then.
        shown = sum(len(row.prompt) + len(row.answer) for row in examples)
        longest = max(longest, min(longest + shown, base.context_length))
    lengths = RowShapes(
        longest=longest,
        answer=max(len(row.answer) for row in rows),
        tuned=min(BATCH_ROWS, len(examples)) if tuned else 0,
        tuned_longest=max(len(row.prompt) + len(row.answer) for row in examples),
    )
    return job_memory(
        model_shapes(base),
        module_shapes(adapters),
        lengths,
        size=base.dtype.itemsize,
        tokens=tokens,
        method=method,
        runtime=runtime,
    )


def check_job(
    base: BaseModel,
    adapters: Sequence[Adapter],
    examples: Sequence[EncodedRow],
    others: Sequence[EncodedRow] = (),
    *,
    method: str = "deltas",
    in_context: bool = False,
    tuned: bool = False,
    memory: int | None = None,
) -> None:
    """Raises ComposerError `too_little_memory` if not even the longest row fits. Batches shrink before that."""
    need = predict_job(
        base, adapters, examples, others, tokens=0, method=method, in_context=in_context, tuned=tuned
    )
    free = free_memory(base.device, memory)
    if need.total - need.loaded > free:
        held = psutil.Process().memory_info().rss if base.device.type == "cpu" else need.loaded
        raise too_little(held + need.total - need.loaded, held + free)


def model_shapes(base: BaseModel) -> ModelShapes:
    return ModelShapes.of(adaptable_layers(base.model), sum(p.numel() for p in base.model.parameters()))


def module_shapes(adapters: Sequence[Adapter]) -> ModuleShapes:
    ranks: dict[str, int] = {}
    for adapter in adapters:
        for layer, factors in adapter.factors.items():
            ranks[layer] = ranks.get(layer, 0) + factors.rank
    return ModuleShapes(
        numbers=sum(f.a.numel() + f.b.numel() for a in adapters for f in a.factors.values()),
        ranks=max(ranks.values(), default=0),
        count=len(adapters),
    )


def free_memory(device: torch.device, limit: int | None = None) -> int:
    """Bytes that may still be taken on the device."""
    if device.type != "cuda":
        return available_memory(limit)
    free, _ = torch.cuda.mem_get_info(device)
    # What torch has taken and does not use is free as well.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free if limit is None else min(free, limit - torch.cuda.memory_allocated(device))
