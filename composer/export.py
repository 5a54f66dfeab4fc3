"""A result for other programs: a whole merged model for transformers, or a LoRA in GGUF for llama.cpp."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig
from transformers.pytorch_utils import Conv1D

from composer.adapters import Adapter, Factors, base_weight
from composer.base_model import BaseModel
from composer.errors import AdapterError, BaseModelError

Rows = Callable[
    [Tensor, str, PretrainedConfig], Tensor
]  # (B, layer, config) -> B, its rows in llama.cpp's order


def merged_model(
    base: BaseModel, adapter: Adapter, folder: Path | str, *, dtype: torch.dtype = torch.float32
) -> None:
    """Write base + adapter as a plain transformers folder (safetensors, config, tokenizer) that needs no PEFT.

    dtype: of the file; the sum is made in float32. 16 bits round the update together with the large weights that it is
    added to, and lose more of it than a 16-bit adapter does. A head that shares its weight with the embeddings gets its
    own if either is adapted. The base model in memory is left as it was.

    Raises AdapterError (does_not_fit_base), BaseModelError for an encoder-decoder model with an adapted shared weight.
    """
    model = base.model
    state: dict[str, Tensor] = dict(model.state_dict())
    owners: dict[int, list[str]] = {}
    for key, tensor in state.items():
        owners.setdefault(tensor.data_ptr(), []).append(key)
    cast = {pointer: _as(state[keys[0]], dtype) for pointer, keys in owners.items()}
    merged = {key: cast[tensor.data_ptr()] for key, tensor in state.items()}
    config = copy.deepcopy(model.config)
    config.dtype = dtype
    for layer, f in adapter.factors.items():
        weight = base_weight(adapter.name, base, layer, (f.b.shape[0], f.a.shape[1])).float()
        total = weight + f.dense().to(weight.device)
        if isinstance(model.get_submodule(layer), Conv1D | nn.Embedding):
            total = total.T
        key = f"{layer}.weight"
        if len(owners[state[key].data_ptr()]) > 1:
            if base.is_seq2seq:
                raise BaseModelError(f"{layer} shares its weight with other layers, so it cannot be merged")
            config.tie_word_embeddings = False
        merged[key] = total.to(dtype).contiguous()
    with torch.device("meta"):
        plain = type(model)(config)
    plain.load_state_dict(merged, assign=True)
    if config.tie_word_embeddings:
        plain.tie_weights()
    plain.generation_config = model.generation_config
    plain.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)


def gguf_lora(
    adapter: Adapter, path: Path | str, config: PretrainedConfig, *, dtype: torch.dtype = torch.float32
) -> None:
    """Write the adapter as a GGUF LoRA for the base model of this config, as llama.cpp's convert_lora_to_gguf.py does.

    Keys: general.type = adapter, adapter.type = lora, adapter.lora.alpha. Tensors: blk.N.attn_q.weight.lora_a [rank, d_in]
    and .lora_b [d_out, rank] (GGUF stores dimensions in reverse). llama.cpp applies alpha / rank with each tensor's own
    rank, so every layer's scale is folded into its B. Where llama.cpp orders the rows of a weight otherwise, B's are too.
    dtype: float32 or float16, of the file.

    Raises BaseModelError for an architecture that we cannot name, AdapterError for a layer that llama.cpp cannot adapt.
    """
    import gguf

    if config.model_type not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise BaseModelError(f"GGUF export knows {known}; the base model is {config.model_type!r}")
    name, order = _ARCHITECTURES[config.model_type]
    architecture = gguf.MODEL_ARCH[name]
    blocks = max(config.num_hidden_layers, getattr(config, "num_decoder_layers", None) or 0)
    names = gguf.get_tensor_name_map(architecture, blocks)
    tensors: dict[str, Tensor] = {}
    alpha = float(adapter.rank)
    for layer, f in sorted(adapter.factors.items()):
        target = names.get_name(layer)
        if target is None or target.startswith("token_embd"):
            raise AdapterError(
                f"{layer} has no place in a GGUF adapter for {name.lower()}", code="unsupported_layer"
            )
        if target == "output" and config.tie_word_embeddings:
            raise AdapterError(
                f"{layer} shares its weight with the embeddings, which llama.cpp cannot adapt",
                code="unsupported_layer",
            )
        tensors[f"{target}.weight.lora_a"] = f.a
        tensors[f"{target}.weight.lora_b"] = order(_scaled(f, alpha), layer, config)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_name(adapter.name)
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        half = dtype == torch.float16
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.ALL_F32)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        for key, tensor in tensors.items():
            writer.add_tensor(key, tensor.to(dtype).contiguous().cpu().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _scaled(f: Factors, alpha: float) -> Tensor:
    """B such that llama.cpp's alpha / rank gives this layer's own scale."""
    return f.b * (f.scale * f.rank / alpha)


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to(dtype) if tensor.is_floating_point() else tensor.detach()


def _unchanged(b: Tensor, layer: str, config: PretrainedConfig) -> Tensor:
    return b


def _llama_rows(b: Tensor, layer: str, config: PretrainedConfig) -> Tensor:
    """Of q and k: from the two halves of a head that transformers rotates to the pairs that llama.cpp does.

    Source: LlamaModel.permute in llama.cpp's converter.
    """
    kind = layer.rpartition(".")[2]
    if kind not in ("q_proj", "k_proj"):
        return b
    heads = config.num_attention_heads
    if kind == "k_proj":
        heads = getattr(config, "num_key_value_heads", None) or heads
    return b.reshape(heads, 2, b.shape[0] // heads // 2, -1).transpose(1, 2).reshape(b.shape)


def _neox_rows(b: Tensor, layer: str, config: PretrainedConfig) -> Tensor:
    """Of the fused layer: from q, k, v of each head in turn to all q, all k, all v."""
    if not layer.endswith("query_key_value"):
        return b
    heads = config.num_attention_heads
    return b.reshape(heads, 3, b.shape[0] // heads // 3, -1).transpose(0, 1).reshape(b.shape)


# transformers' model_type -> gguf.MODEL_ARCH and the order of rows in its weights
_ARCHITECTURES: dict[str, tuple[str, Rows]] = {
    "llama": ("LLAMA", _llama_rows),
    "mistral": ("LLAMA", _llama_rows),
    "qwen2": ("QWEN2", _unchanged),
    "qwen3": ("QWEN3", _unchanged),
    "gpt2": ("GPT2", _unchanged),
    "gpt_neox": ("GPTNEOX", _neox_rows),
    "t5": ("T5", _unchanged),
    "mamba": ("MAMBA", _unchanged),
}
