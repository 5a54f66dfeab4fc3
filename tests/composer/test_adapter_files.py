"""Adapters as PEFT 0.21.2 itself writes them, on a tiny Llama of 2 layers: read right, and judged composable or not."""

import math
from pathlib import Path

import pytest
import torch
from peft import (
    AdaLoraConfig,
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from transformers import LlamaConfig, LlamaForCausalLM

from composer.adapter_files import LayerShape, check_fits, inspect_adapter
from composer.errors import AdapterError

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT warns about tied weights and saved embeddings

Q, V = "model.layers.{}.self_attn.q_proj", "model.layers.{}.self_attn.v_proj"


def saved(folder: Path, config: PeftConfig, dtype: torch.dtype = torch.float32) -> Path:
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    model = LlamaForCausalLM(LlamaConfig(vocab_size=64, tie_word_embeddings=False, **shape))
    get_peft_model(model, config).to(dtype).save_pretrained(folder)
    return folder


def lora(**changes: object) -> LoraConfig:
    return LoraConfig(**{"r": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", **changes})


def test_plain_lora(tmp_path):
    info = inspect_adapter(saved(tmp_path, lora(lora_alpha=16)))

    assert info.composable
    assert info.reason == ""
    assert info.layers[Q.format(0)] == LayerShape(rank=4, d_in=32, d_out=32)
    assert info.layers[V.format(1)] == LayerShape(rank=4, d_in=32, d_out=16)
    assert (info.rank, info.targets, info.dtype) == (4, ["q_proj", "v_proj"], "F32")
    assert info.parameters == 2 * (4 * 32 + 32 * 4 + 4 * 32 + 16 * 4)
    assert info.config.scale(Q.format(0)) == 4.0


def test_bf16_and_f16_are_named(tmp_path):
    assert inspect_adapter(saved(tmp_path / "b", lora(), torch.bfloat16)).dtype == "BF16"
    assert inspect_adapter(saved(tmp_path / "h", lora(), torch.float16)).dtype == "F16"


def test_rank_stabilised_scale(tmp_path):
    info = inspect_adapter(saved(tmp_path, lora(lora_alpha=16, use_rslora=True)))
    assert info.composable
    assert info.config.scale(Q.format(0)) == 16 / math.sqrt(4)


def test_patterns_give_each_layer_its_own_rank_and_scale(tmp_path):
    config = lora(rank_pattern={"v_proj": 8}, alpha_pattern={"layers.0.self_attn.q_proj": 32})
    model_folder = saved(tmp_path, config)
    info = inspect_adapter(model_folder)

    assert info.composable
    assert info.layers[V.format(0)].rank == 8
    assert info.layers[Q.format(0)].rank == 4
    assert info.config.scale(Q.format(0)) == 8
    assert info.config.scale(Q.format(1)) == 2
    assert info.config.scale(V.format(0)) == 1


def test_all_linear_names_each_kind_of_layer(tmp_path):
    info = inspect_adapter(saved(tmp_path, lora(target_modules="all-linear")))
    assert len(info.layers) == 14
    assert "down_proj" in info.targets


@pytest.mark.parametrize(
    ("config", "reason", "code"),
    [
        (lora(use_dora=True), "DoRA", "unsupported_adapter"),
        (lora(lora_bias=True), "bias", "unsupported_adapter"),
        (lora(bias="lora_only"), "bias", "unsupported_adapter"),
        (lora(trainable_token_indices=[1, 2]), "token", "unsupported_adapter"),
        (lora(modules_to_save=["lm_head"]), "full weights", "full_weights_not_allowed"),
        (lora(target_modules=["q_proj", "embed_tokens"]), "embeddings", "full_weights_not_allowed"),
        (VeraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"), "VeRA", "unsupported_adapter"),
        (
            OFTConfig(r=4, oft_block_size=0, target_modules=["q_proj"], task_type="CAUSAL_LM"),
            "OFT",
            "unsupported_adapter",
        ),
        (
            AdaLoraConfig(total_step=10, target_modules=["q_proj"], task_type="CAUSAL_LM"),
            "AdaLoRA",
            "unsupported_adapter",
        ),
        (
            IA3Config(
                target_modules=["q_proj", "down_proj"],
                feedforward_modules=["down_proj"],
                task_type="CAUSAL_LM",
            ),
            "IA",
            "unsupported_adapter",
        ),
        (
            PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
            "PROMPT_TUNING",
            "unsupported_adapter",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, PeftConfig) else "",
)
def test_other_types_are_recognised_but_not_composable(tmp_path, config, reason, code):
    info = inspect_adapter(saved(tmp_path, config))
    assert not info.composable
    assert reason in info.reason
    assert info.code == code


@pytest.mark.parametrize("kind", [LoHaConfig, LoKrConfig])
def test_loha_and_lokr_are_composable(tmp_path, kind):
    targets = {"target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
    config = kind(r=4, alpha=6, alpha_pattern={"v_proj": 2}, **targets)
    info = inspect_adapter(saved(tmp_path, config))
    assert (info.composable, info.reason, info.needs) == (True, "", "")
    assert info.layers[Q.format(0)] == LayerShape(rank=4, d_in=32, d_out=32)
    assert info.layers[V.format(1)] == LayerShape(rank=4, d_in=32, d_out=16)
    assert info.config.scale(Q.format(0)) == 6 / 4
    assert info.config.scale(V.format(0)) == 2 / 4
    check_fits(info, {Q.format(i): (32, 32) for i in range(2)} | {V.format(i): (16, 32) for i in range(2)})


def test_what_only_the_base_model_or_the_initial_factors_make_composable_says_so(tmp_path):
    dora = inspect_adapter(saved(tmp_path / "dora", lora(use_dora=True)))
    assert (dora.composable, dora.composable_on_base, dora.needs) == (False, True, "base_weights")
    assert "only where they are at hand" in dora.reason
    assert dora.layers.keys() == {t.format(i) for t in (Q, V) for i in range(2)}
    pissa = inspect_adapter(saved(tmp_path / "pissa", lora(init_lora_weights="pissa")))
    assert (pissa.composable, pissa.composable_on_base, pissa.needs) == (False, False, "initial_factors")


def test_fits_its_base_model(tmp_path):
    info = inspect_adapter(saved(tmp_path, lora()))
    base = {Q.format(i): (32, 32) for i in range(2)} | {V.format(i): (16, 32) for i in range(2)}
    check_fits(info, base)


def test_misfits_are_named_three_at_most(tmp_path):
    info = inspect_adapter(saved(tmp_path, lora()))
    with pytest.raises(AdapterError) as error:
        check_fits(info, {Q.format(0): (64, 64)})
    assert error.value.code == "does_not_fit_base"
    text = str(error.value)
    assert "32 x 32, but 64 x 64" in text
    assert "is not a layer" in text
    assert "and 1 more" in text
