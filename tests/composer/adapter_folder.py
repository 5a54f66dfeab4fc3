"""Adapter folders written by hand, so that each can be wrong in exactly one way."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj")
CONFIG: dict[str, object] = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "base_model_name_or_path": "tests/tiny",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["q_proj", "v_proj"],
}
Array = np.ndarray


def tensors(rank: int = 4, width: int = 8) -> dict[str, Array]:
    """lora_A [rank, width] and lora_B [width, rank] for each of LAYERS, float32."""
    found: dict[str, Array] = {}
    for number, layer in enumerate(LAYERS, start=1):
        found[f"base_model.model.{layer}.lora_A.weight"] = np.full((rank, width), 0.01 * number, dtype="<f4")
        found[f"base_model.model.{layer}.lora_B.weight"] = np.full((width, rank), 0.02 * number, dtype="<f4")
    return found


def header_of(arrays: Mapping[str, Array], dtype: str = "F32") -> dict[str, dict[str, object]]:
    header: dict[str, dict[str, object]] = {}
    position = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    return header


def pack(header: object, data: bytes) -> bytes:
    """A safetensors file of this header, a dict or ready JSON text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def safetensors_bytes(arrays: Mapping[str, Array], dtype: str = "F32") -> bytes:
    return pack(header_of(arrays, dtype), b"".join(array.tobytes() for array in arrays.values()))


def write_adapter(
    folder: Path, config: object = None, weights: bytes | None = None, **changes: object
) -> Path:
    """A valid adapter folder, but for what is given. config: dict, or raw bytes of adapter_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    text = config if isinstance(config, bytes) else json.dumps({**(config or CONFIG), **changes}).encode()  # type: ignore[dict-item]
    (folder / "adapter_config.json").write_bytes(text)
    (folder / "adapter_model.safetensors").write_bytes(
        safetensors_bytes(tensors()) if weights is None else weights
    )
    return folder
