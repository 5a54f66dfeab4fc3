"""An adapter in memory: the low-rank factors of each layer, and the PEFT folder it comes from or goes to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from composer.adapter_files import CONFIG, WEIGHTS, inspect_adapter
from composer.errors import AdapterError

PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class Factors:
    """The update scale * B A of one layer. a: [rank, d_in], b: [d_out, rank], float32; scale: unitless."""

    a: Tensor
    b: Tensor
    scale: float = 1.0

    @property
    def rank(self) -> int:
        return self.a.shape[0]

    def dense(self) -> Tensor:
        """The update as a matrix [d_out, d_in]. For tests and small layers: it costs d_out * d_in."""
        return self.scale * (self.b @ self.a)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA: layer name in the base model -> its factors. base_model is the id that the files name.

    fan_in_fan_out: PEFT's word for layers that store their weight transposed (GPT-2's Conv1D); the factors never are.
    """

    name: str
    base_model: str
    factors: Mapping[str, Factors]
    fan_in_fan_out: bool = False

    @property
    def rank(self) -> int:
        """The largest rank of any layer."""
        return max(f.rank for f in self.factors.values())

    def rounded(self, dtype: torch.dtype) -> "Adapter":
        """The adapter as it will be read back after being stored as `dtype`; its scales are folded into B."""
        return replace(
            self,
            factors={
                layer: Factors(f.a.to(dtype).float(), (f.b * f.scale).to(dtype).float())
                for layer, f in self.factors.items()
            },
        )


def load_adapter(folder: Path | str, *, name: str | None = None) -> Adapter:
    """The LoRA in a PEFT folder, in float32, each layer with its own scale (rsLoRA and patterns obeyed).

    The folder is checked first, and its config is rebuilt from checked fields: PEFT never sees it.
    Raises AdapterError, also for adapters that are no plain LoRA.
    """
    folder = Path(folder)
    info = inspect_adapter(folder)
    name = name or folder.name
    if not info.composable:
        raise AdapterError(f"{name} cannot be composed: {info.reason}", code=info.code)
    tensors = load_file(folder / WEIGHTS)
    factors = {
        layer: Factors(
            a=tensors[f"{PREFIX}{layer}.lora_A.weight"].float().contiguous(),
            b=tensors[f"{PREFIX}{layer}.lora_B.weight"].float().contiguous(),
            scale=info.config.scale(layer),
        )
        for layer in info.layers
    }
    return Adapter(
        name=name,
        base_model=info.config.base_model,
        factors=factors,
        fan_in_fan_out=info.config.fan_in_fan_out,
    )


def save_adapter(
    adapter: Adapter,
    folder: Path | str,
    *,
    base_model_id: str | None = None,
    task_type: str = "CAUSAL_LM",
    dtype: torch.dtype = torch.float16,
    pad_ranks: bool = True,
) -> None:
    """Write the adapter as a plain PEFT LoRA folder; scales are folded into B, so alpha = r.

    pad_ranks: give every layer the largest rank by appending zeros, which changes no output and suits readers that know
    of no rank_pattern; else write a rank_pattern. float16 keeps three more bits than bfloat16 of these small numbers.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rank = adapter.rank
    tensors: dict[str, Tensor] = {}
    pattern: dict[str, int] = {}
    for layer, f in sorted(adapter.factors.items()):
        a, b = f.a, f.b * f.scale
        if pad_ranks:
            a, b = _pad_rank(a, b, rank)
        elif f.rank != rank:
            pattern[layer] = f.rank
        tensors[f"{PREFIX}{layer}.lora_A.weight"] = a.to(dtype).contiguous()
        tensors[f"{PREFIX}{layer}.lora_B.weight"] = b.to(dtype).contiguous()
    # alpha_pattern follows rank_pattern, so that every layer's scale stays alpha / r = 1.
    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": task_type,
        "base_model_name_or_path": base_model_id or adapter.base_model,
        "r": rank,
        "lora_alpha": rank,
        "rank_pattern": pattern,
        "alpha_pattern": pattern,
        "target_modules": sorted(adapter.factors),
        "bias": "none",
        "lora_dropout": 0.0,
        "fan_in_fan_out": adapter.fan_in_fan_out,
        "inference_mode": True,
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)  # safetensors makes files that only their owner may read
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def _pad_rank(a: Tensor, b: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    missing = rank - a.shape[0]
    return (
        torch.cat([a, a.new_zeros(missing, a.shape[1])]),
        torch.cat([b, b.new_zeros(b.shape[0], missing)], dim=1),
    )
