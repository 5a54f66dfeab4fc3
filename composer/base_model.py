"""The frozen pretrained model that adapters are composed on: describe it, load it, convert one from GGUF."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PretrainedConfig,
)
from transformers.pytorch_utils import Conv1D

from composer.errors import BaseModelError

Architecture = Literal["causal", "seq2seq", "state-space"]
STATE_SPACE_TYPES = {"mamba", "mamba2", "falcon_mamba"}
UNSUPPORTED_TYPES = {"rwkv"}  # takes no mask, so that padded prompts change its answers
DEFAULT_CONTEXT = 2_048  # tokens, for models whose config does not say (T5, Mamba)
MAX_CONTEXT = 8_192  # more is allowed by some models, but not affordable per example


@dataclass(slots=True)
class BaseModel:
    """A frozen model in memory with its tokenizer. `fingerprint` is that of the files it was loaded from."""

    model: Any
    tokenizer: Any
    architecture: Architecture
    model_id: str
    fingerprint: str
    context_length: int
    dtype: torch.dtype
    device: torch.device

    @property
    def is_seq2seq(self) -> bool:
        return self.architecture == "seq2seq"

    def layer_weight(self, layer: str) -> torch.Tensor:
        """The weight [d_out, d_in] of an adaptable layer, in its own precision; raises AttributeError if there is none."""
        module = self.model.get_submodule(layer)
        weight: torch.Tensor = module.weight.detach()
        return weight.T if isinstance(module, Conv1D | nn.Embedding) else weight


@dataclass(frozen=True, slots=True)
class BaseModelDescription:
    """What a registry keeps of a base model. layers: name -> (d_out, d_in) of every layer a LoRA can adapt."""

    model_id: str
    revision: str
    architecture: Architecture
    fingerprint: str
    layers: dict[str, tuple[int, int]]
    parameters: int
    context_length: int


def describe_base_model(
    folder: Path | str, *, model_id: str = "", revision: str = ""
) -> BaseModelDescription:
    """What the folder holds, without loading its weights (they are only hashed).

    Raises BaseModelError if it is not a model with safetensors weights of an architecture that transformers knows.
    """
    folder = Path(folder)
    config = read_model_config(folder)
    architecture = _architecture(config)
    with torch.device("meta"):
        model = _auto_class(architecture).from_config(config)
    return BaseModelDescription(
        model_id=model_id or _recorded_id(folder),
        revision=revision,
        architecture=architecture,
        fingerprint=fingerprint_files(folder),
        layers=adaptable_layers(model),
        parameters=sum(p.numel() for p in model.parameters()),
        context_length=_context_length(config),
    )


def adaptable_layers(model: nn.Module) -> dict[str, tuple[int, int]]:
    """name -> (d_out, d_in) of the linear and embedding layers. Embeddings count as [embedding_dim, vocabulary]."""
    shapes = {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            shapes[name] = (layer.out_features, layer.in_features)
        elif isinstance(layer, Conv1D):
            shapes[name] = (layer.weight.shape[1], layer.weight.shape[0])
        elif isinstance(layer, nn.Embedding):
            shapes[name] = (layer.embedding_dim, layer.num_embeddings)
    return shapes


def load_base_model(
    folder: Path | str, *, dtype: str = "auto", device: str = "auto", fingerprint: str | None = None
) -> BaseModel:
    """Tokenizer and frozen model, in evaluation mode.

    dtype: "float32", "bfloat16", or "auto": bfloat16 where the processor multiplies it natively, else float32.
    device: "cpu", "cuda", or "auto". fingerprint: skip hashing the files when the caller knows it already.
    Only safetensors weights are read and no code of the model's authors is run. Raises BaseModelError.
    """
    folder = Path(folder)
    config = read_model_config(folder)
    architecture = _architecture(config)
    target = torch.device(_choose_device(device))
    chosen = _choose_dtype(dtype, target)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = _auto_class(architecture).from_pretrained(
            folder,
            config=config,
            dtype=chosen,
            use_safetensors=True,
            local_files_only=True,
            # The fused kernel's bf16 backward is slow on CPUs; forward is equal at these lengths.
            attn_implementation="eager",
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BaseModelError(f"cannot load the base model in {folder}: {error}") from error
    model.requires_grad_(False).eval().to(target)
    return BaseModel(
        model=model,
        tokenizer=tokenizer,
        architecture=architecture,
        model_id=_recorded_id(folder),
        fingerprint=fingerprint or fingerprint_files(folder),
        context_length=_context_length(config),
        dtype=chosen,
        device=target,
    )


def fingerprint_files(folder: Path) -> str:
    """sha256 (hex) over the weight files and the config's architecture fields: equal files, equal fingerprint."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise BaseModelError(f"{folder} has no .safetensors weights")
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    config = json.loads((folder / "config.json").read_text())
    for volatile in ("transformers_version", "_name_or_path", "_model_name_or_path"):
        config.pop(volatile, None)
    digest.update(json.dumps(config, sort_keys=True).encode())
    return digest.hexdigest()


def parameters_digest(model: nn.Module) -> str:
    """sha256 (hex) of the parameters in memory: tells whether anything changed a warm base model between two jobs."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def prepare_gguf(
    gguf: Path | str,
    folder: Path | str,
    *,
    model_id: str,
    on_progress: Callable[[str], None] = lambda message: None,
) -> None:
    """Write a GGUF file as an ordinary Hugging Face folder of bf16 safetensors; whole or not at all.

    Quantized tensors are dequantized once, so the result is the GGUF's model, not the original's exact weights.
    """
    gguf, folder = Path(gguf), Path(folder)
    staging = folder.with_name(folder.name + ".partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    source: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    on_progress(f"reading {gguf.name}")
    try:
        from transformers import GgufConfig

        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **source)
        loaded = AutoModelForCausalLM.from_pretrained(
            gguf.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **source
        )
    except (OSError, ValueError, ImportError) as error:
        raise BaseModelError(f"cannot read {gguf}: {error}") from error
    on_progress("writing bf16 safetensors")
    # save_pretrained of a model that came from GGUF raises (transformers 5.23), so it is rebuilt from its own state.
    plain = loaded.config.to_dict()
    for leftover in ("quantization_config", "_model_name_or_path", "_name_or_path"):
        plain.pop(leftover, None)
    config = type(loaded.config)(**plain)
    with torch.device("meta"):
        model = type(loaded)(config)
    model = model.to_empty(device="cpu").to(torch.bfloat16)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    model.generation_config = loaded.generation_config
    model.save_pretrained(staging)
    tokenizer.save_pretrained(staging)
    (staging / "hub.json").write_text(json.dumps({"model_id": model_id, "source": gguf.name}))
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)


def read_model_config(folder: Path) -> PretrainedConfig:
    """The model's config alone. Raises BaseModelError."""
    if not (folder / "config.json").is_file():
        raise BaseModelError(f"{folder} has no config.json")
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise BaseModelError(f"cannot read {folder / 'config.json'}: {error}") from error


def _architecture(config: PretrainedConfig) -> Architecture:
    if config.model_type in UNSUPPORTED_TYPES:
        raise BaseModelError(f"base models of the type {config.model_type} are not supported")
    if config.is_encoder_decoder:
        return "seq2seq"
    return "state-space" if config.model_type in STATE_SPACE_TYPES else "causal"


def _auto_class(architecture: Architecture) -> Any:
    return AutoModelForSeq2SeqLM if architecture == "seq2seq" else AutoModelForCausalLM


def _context_length(config: PretrainedConfig) -> int:
    for field in ("max_position_embeddings", "n_positions"):
        if value := getattr(config, field, None):
            return min(int(value), MAX_CONTEXT)
    return DEFAULT_CONTEXT


def _recorded_id(folder: Path) -> str:
    """The id written beside the weights by the hub; else the folder's name."""
    try:
        return str(json.loads((folder / "hub.json").read_text())["model_id"])
    except (OSError, ValueError, KeyError):
        return folder.name


def _choose_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" or _multiplies_bf16_natively() else torch.float32
    try:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    except KeyError:
        raise BaseModelError(f'dtype must be "auto", "float32" or "bfloat16", not {dtype!r}') from None


def _multiplies_bf16_natively() -> bool:
    """AMX tiles or AVX-512 BF16: without them oneDNN emulates bf16, slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))
