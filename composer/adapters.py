"""An adapter in memory: the low-rank factors of each layer, and the PEFT folder it comes from or goes to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from composer import conversions
from composer.adapter_files import CONFIG, WEIGHTS, AdapterInfo, inspect_adapter
from composer.errors import AdapterError, IncompatibleAdapters
from composer.prompts import PromptFormat
from composer.recorded import recorded_prompt

if TYPE_CHECKING:
    from composer.base_model import BaseModel

PREFIX = "base_model.model."
LayerWeights = Callable[[str], Tensor]  # layer name -> its weight [d_out, d_in]


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
    conversion_error: what writing another type as factors cut, in its worst layer (relative Frobenius norm); 0 of LoRA.
    prompt: the format that it is asked in, as far as its files say (composer.recorded).
    """

    name: str
    base_model: str
    factors: Mapping[str, Factors]
    fan_in_fan_out: bool = False
    conversion_error: float = 0.0
    prompt: PromptFormat | None = None

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


def load_adapter(
    folder: Path | str,
    *,
    name: str | None = None,
    base: "BaseModel | LayerWeights | None" = None,
    initial: Path | str | None = None,
    max_rank: int | None = None,
) -> Adapter:
    """The adapter in a PEFT folder as low-rank factors in float32, each layer with its own scale.

    LoRA is taken as it is (rsLoRA and patterns obeyed); LoHa, LoKr and DoRA are written as factors, exactly unless
    max_rank is given and smaller than needed (`conversion_error` says how far off).
    base: the base model, or a function layer name -> weight [d_out, d_in]; only DoRA needs it.
    initial: folder of the factors before training; only PiSSA, OLoRA and CorDA need it: their update is the difference.

    The folder is checked first, and its config is rebuilt from checked fields: PEFT never sees it.
    Raises AdapterError, also for adapters that cannot be composed, with the reason.
    """
    folder = Path(folder)
    info = inspect_adapter(folder)
    name = name or folder.name
    given = {"base_weights": base is not None, "initial_factors": initial is not None}
    if not info.composable and not given.get(info.needs):
        raise AdapterError(f"{name} cannot be composed: {info.reason}", code=info.code)
    tensors = load_file(folder / WEIGHTS)
    first = _initial_factors(info, Path(initial)) if initial is not None and info.config.init else {}
    errors, factors = [0.0], {}
    for layer in info.layers:
        own, scale = _of_layer(tensors, layer), info.config.scale(layer)
        if info.config.peft_type == "LORA" and not info.config.use_dora:
            f = Factors(own["lora_A.weight"].float(), own["lora_B.weight"].float(), scale)
            factors[layer] = _minus(f, first[layer]) if first else f
            continue
        if info.config.use_dora:
            a, b = own["lora_A.weight"], own["lora_B.weight"].float() * scale
            weight = base_weight(name, base, layer, (b.shape[0], a.shape[1]))
            magnitude, scale = own["lora_magnitude_vector"], 1.0
            a, b, error = conversions.dora(weight, a, b, magnitude, max_rank)
        else:
            convert = conversions.loha if info.config.peft_type == "LOHA" else conversions.lokr
            a, b, error = convert(own, max_rank)
        errors.append(error)
        factors[layer] = Factors(a, b, scale)
    return Adapter(
        name=name,
        base_model=info.config.base_model,
        factors=factors,
        fan_in_fan_out=info.config.fan_in_fan_out,
        conversion_error=max(errors),
        prompt=recorded_prompt(folder),
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


def _of_layer(tensors: Mapping[str, Tensor], layer: str) -> dict[str, Tensor]:
    """The layer's own tensors by the rest of their names."""
    start = f"{PREFIX}{layer}."
    return {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}


def _initial_factors(info: AdapterInfo, folder: Path) -> dict[str, Factors]:
    """The factors before training. Raises IncompatibleAdapters if they are those of another adapter."""
    other = inspect_adapter(folder)
    if other.layers != info.layers or other.config.peft_type != "LORA" or other.config.use_dora:
        raise IncompatibleAdapters(f"{folder.name} does not hold the initial factors of this adapter")
    tensors = load_file(folder / WEIGHTS)
    found = {}
    for layer in info.layers:
        own = _of_layer(tensors, layer)
        found[layer] = Factors(
            own["lora_A.weight"].float(), own["lora_B.weight"].float(), other.config.scale(layer)
        )
    return found


def _minus(f: Factors, first: Factors) -> Factors:
    """s B A - s0 B0 A0, of twice the rank.

    Source: PEFT 0.21.2, subtract_mutated_init: W = W_res + s B0 A0 before training, so that this is the update on W.
    """
    return Factors(torch.cat([f.a, first.a]), torch.cat([f.b * f.scale, first.b * -first.scale], dim=1), 1.0)


def base_weight(
    name: str, base: "BaseModel | LayerWeights | None", layer: str, shape: tuple[int, int]
) -> Tensor:
    """The layer's weight [d_out, d_in]; raises AdapterError `does_not_fit_base` if it is missing or of another shape."""
    weights = base if callable(base) else getattr(base, "layer_weight", None)
    try:
        weight = weights(layer) if weights else None
    except (AttributeError, KeyError) as error:
        raise AdapterError(
            f"{name} does not fit this base model: {layer} is not a layer of it", code="does_not_fit_base"
        ) from error
    if weight is None or tuple(weight.shape) != shape:
        found = "unknown" if weight is None else f"{weight.shape[0]} x {weight.shape[1]}"
        raise AdapterError(
            f"{name} does not fit this base model: {layer} is {found}, not {shape[0]} x {shape[1]}",
            code="does_not_fit_base",
        )
    return weight
