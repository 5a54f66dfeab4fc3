"""Merged models against PEFT 0.21.2's logits; GGUF adapters read back with gguf, and by transformers' own GGUF reader."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoConfig
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

from composer.__main__ import main
from composer.adapters import Adapter, Factors, load_adapter
from composer.base_model import BaseModel, load_base_model, parameters_digest, read_model_config
from composer.errors import AdapterError, BaseModelError
from composer.export import gguf_lora, merged_model
from tests import tiny
from tests.composer.test_adapters import logits, our_logits, peft_logits

CASES: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"r": 4, "alpha": 8, "targets": ("q_proj", "k_proj", "down_proj")}),
    ("gpt2", {"r": 4, "alpha": 8}),
    ("neox", {"r": 4, "use_rslora": True}),
    ("t5", {"r": 4, "rank_pattern": {"q": 2}}),
    ("mamba", {"r": 4}),
    ("llama", {"use_dora": True, "seed": 3}),
    ("t5", {"peft_type": "LOKR", "r": 2}),
]


@pytest.mark.parametrize(("kind", "config"), CASES, ids=[f"{k} {list(c)[-1]}" for k, c in CASES])
def test_a_merged_model_gives_the_logits_of_base_and_adapter(
    kind: str,
    config: dict[str, Any],
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
    tmp_path: Path,
) -> None:
    base, folder = tiny_base(kind), tiny_module(kind, **config)
    before = parameters_digest(base.model)
    merged_model(base, load_adapter(folder, base=base), tmp_path / "out")
    assert parameters_digest(base.model) == before
    merged = load_base_model(tmp_path / "out", dtype="float32", device="cpu")
    expected = peft_logits(tiny_folder(kind), folder, kind)
    torch.testing.assert_close(logits(merged.model, kind), expected, atol=1e-5, rtol=0)
    assert merged.tokenizer.encode("a b") == base.tokenizer.encode("a b")
    assert merged.model.config.tie_word_embeddings == base.model.config.tie_word_embeddings


@pytest.mark.parametrize("layer", ["lm_head", "model.embed_tokens"])
def test_a_shared_weight_that_is_adapted_becomes_two(
    layer: str, tiny_base: Callable[[str], BaseModel], tmp_path: Path
) -> None:
    base = tiny_base("llama")
    d_out, d_in = base.layer_weight(layer).shape
    factors = Factors(0.2 * torch.randn(2, d_in), 0.2 * torch.randn(d_out, 2), 1.5)
    adapter = Adapter("shared", "", {layer: factors})
    merged_model(base, adapter, tmp_path)
    merged = load_base_model(tmp_path, dtype="float32", device="cpu")
    assert merged.model.config.tie_word_embeddings is False
    torch.testing.assert_close(
        logits(merged.model, "llama"), our_logits(base, adapter, "llama"), atol=1e-5, rtol=0
    )


def test_a_merged_model_may_be_stored_in_16_bits(
    tiny_base: Callable[[str], BaseModel], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    merged_model(tiny_base("llama"), load_adapter(tiny_module("llama")), tmp_path, dtype=torch.bfloat16)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
    assert not list(tmp_path.glob("*.bin"))


def test_an_adapter_of_another_base_is_not_merged(
    tiny_base: Callable[[str], BaseModel], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(AdapterError, match="does not fit"):
        merged_model(tiny_base("t5"), load_adapter(tiny_module("llama")), tmp_path)


def read_back(path: Path) -> tuple[gguf.GGUFReader, dict[str, np.ndarray]]:
    reader = gguf.GGUFReader(path)
    return reader, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


def value(reader: gguf.GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()


def llama_cpp_update(tensors: dict[str, np.ndarray], name: str, alpha: float) -> np.ndarray:
    """What llama.cpp adds to a weight: alpha / rank * B A, with the tensor's own rank."""
    a, b = tensors[f"{name}.weight.lora_a"], tensors[f"{name}.weight.lora_b"]
    return (alpha / a.shape[0]) * (b @ a)


NAMES = {
    "llama": {
        "model.layers.{}.self_attn.q_proj": "blk.{}.attn_q",
        "model.layers.{}.mlp.down_proj": "blk.{}.ffn_down",
    },
    "gpt2": {
        "transformer.h.{}.attn.c_attn": "blk.{}.attn_qkv",
        "transformer.h.{}.mlp.c_proj": "blk.{}.ffn_down",
    },
    "t5": {
        "encoder.block.{}.layer.0.SelfAttention.q": "enc.blk.{}.attn_q",
        "decoder.block.{}.layer.1.EncDecAttention.v": "dec.blk.{}.cross_attn_v",
    },
    "mamba": {
        "backbone.layers.{}.mixer.in_proj": "blk.{}.ssm_in",
        "backbone.layers.{}.mixer.x_proj": "blk.{}.ssm_x",
    },
}  # gguf 0.19.0 and llama.cpp's converter


@pytest.mark.parametrize("kind", list(NAMES))
def test_a_gguf_adapter_holds_the_same_update_under_llama_cpp_names(
    kind: str, tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    targets = {"llama": ("q_proj", "down_proj")}.get(kind, tiny.TARGETS[kind])
    last = targets[-1]
    folder = tiny_module(kind, r=4, alpha=6, targets=targets, rank_pattern={last: 2}, alpha_pattern={last: 5})
    adapter = load_adapter(folder, name="my adapter")
    config = read_model_config(tiny_folder(kind))
    gguf_lora(adapter, tmp_path / "a.gguf", config)
    reader, tensors = read_back(tmp_path / "a.gguf")
    assert value(reader, "general.type") == "adapter"
    assert value(reader, "general.architecture") == kind
    assert value(reader, "adapter.type") == "lora"
    assert value(reader, "general.name") == "my adapter"
    alpha = value(reader, "adapter.lora.alpha")
    assert reader.fields["adapter.lora.alpha"].types == [gguf.GGUFValueType.FLOAT32]
    assert len(tensors) == 2 * len(adapter.factors)
    heads = {"num_attention_heads": tiny.HEADS, "num_key_value_heads": tiny.HEADS // 2}
    for layer, name in NAMES[kind].items():
        for block in range(tiny.LAYERS):
            target = name.format(block)
            update = llama_cpp_update(tensors, target, alpha)
            if kind == "llama":
                update = LlamaTensorProcessor(heads).process(update, f"{target}.weight").weights
            expected = adapter.factors[layer.format(block)].dense().numpy()
            np.testing.assert_allclose(update, expected, atol=1e-5)


def test_llama_queries_and_keys_are_ordered_as_llama_cpp_rotates_them(
    tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    """transformers rotates the halves of a head, llama.cpp neighbours; its GGUF reader undoes exactly that."""
    adapter = load_adapter(tiny_module("llama", targets=("q_proj", "k_proj", "v_proj")))
    gguf_lora(adapter, tmp_path / "a.gguf", AutoConfig.from_pretrained(tiny_folder("llama")))
    reader, tensors = read_back(tmp_path / "a.gguf")
    alpha = value(reader, "adapter.lora.alpha")
    processor = LlamaTensorProcessor(
        {"num_attention_heads": tiny.HEADS, "num_key_value_heads": tiny.HEADS // 2}
    )
    for short in ("q", "k", "v"):
        stored = llama_cpp_update(tensors, f"blk.1.attn_{short}", alpha)
        expected = adapter.factors[f"model.layers.1.self_attn.{short}_proj"].dense().numpy()
        np.testing.assert_allclose(
            processor.process(stored, f"blk.1.attn_{short}.weight").weights, expected, atol=1e-5
        )
        assert np.allclose(stored, expected, atol=1e-3) == (short == "v")


def test_neox_rows_are_split_into_queries_keys_and_values(
    tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    adapter = load_adapter(tiny_module("neox", targets=("query_key_value",)))
    gguf_lora(adapter, tmp_path / "a.gguf", read_model_config(tiny_folder("neox")))
    reader, tensors = read_back(tmp_path / "a.gguf")
    stored = llama_cpp_update(tensors, "blk.0.attn_qkv", value(reader, "adapter.lora.alpha"))
    expected = adapter.factors["gpt_neox.layers.0.attention.query_key_value"].dense().numpy()
    size = tiny.HIDDEN // tiny.HEADS
    by_head = expected.reshape(tiny.HEADS, 3, size, tiny.HIDDEN)
    for index in range(3):
        part = stored[index * tiny.HIDDEN : (index + 1) * tiny.HIDDEN]
        np.testing.assert_allclose(part.reshape(tiny.HEADS, size, -1), by_head[:, index], atol=1e-5)


def test_half_precision_gguf(
    tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    config = read_model_config(tiny_folder("llama"))
    gguf_lora(load_adapter(tiny_module("llama")), tmp_path / "a.gguf", config, dtype=torch.float16)
    _, tensors = read_back(tmp_path / "a.gguf")
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype("float16")}


def test_what_llama_cpp_cannot_adapt_is_refused(tiny_folder: Callable[[str], Path], tmp_path: Path) -> None:
    config = read_model_config(tiny_folder("llama"))
    for layer in ("lm_head", "model.embed_tokens", "score"):
        adapter = Adapter("odd", "", {layer: Factors(torch.zeros(1, 4), torch.zeros(4, 1))})
        with pytest.raises(AdapterError) as error:
            gguf_lora(adapter, tmp_path / "a.gguf", config)
        assert error.value.code == "unsupported_layer"
    config.model_type = "unheard-of"
    with pytest.raises(BaseModelError, match="GGUF export knows"):
        gguf_lora(adapter, tmp_path / "a.gguf", config)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_both(
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = ["--base", str(tiny_folder("llama"))]
    plain, dora = tiny_module("llama"), tiny_module("llama", use_dora=True, seed=3)
    for folder, kind in ((plain, "gguf"), (dora, "gguf"), (dora, "merged")):
        out = tmp_path / f"{folder.name}.{kind}"
        command = ["export", *base, "--adapter", str(folder), "--format", kind, "--out", str(out)]
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)["out"] == str(out)
        assert main(command) == 2  # it is there now
    merged = load_base_model(tmp_path / f"{dora.name}.merged", dtype="float32", device="cpu")
    expected = peft_logits(tiny_folder("llama"), dora, "llama")
    torch.testing.assert_close(logits(merged.model, "llama"), expected, atol=1e-5, rtol=0)
