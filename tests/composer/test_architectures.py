"""Many kinds of models, tiny and random: losses as evaluated in batches against one plain forward per row.

Packing is used where rows can share a sequence, and not used where they cannot.
"""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from peft import LoraConfig, PeftModel

from composer.adapters import load_adapter, save_adapter
from composer.base_model import BaseModel, load_base_model
from composer.compose import ComposeSettings, compose
from composer.decode import row_results
from composer.errors import BaseModelError
from composer.evaluator import Evaluator
from composer.examples import Example, with_options
from composer.generate import evaluate_rows
from composer.prompts import DEFAULT_TEMPLATE, encode_examples
from tests import tiny
from tests.composer.test_evaluator import dense_model, plain_losses

ROWS = with_options([Example(**row) for row in tiny.rows(5)], ["yes", "no", "seven", "a b", "x"])
WEIGHTS = np.array([[0.5, -0.3], [0.0, 1.0]])
USUAL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
GROUPED = USUAL | {"num_key_value_heads": 2}
SMALL_HEADS = GROUPED | {"head_dim": 8}
# model class, settings, layers to adapt, whether rows are packed
CASES: dict[str, tuple[str, dict[str, Any], list[str], bool]] = {
    "qwen2": ("Qwen2ForCausalLM", GROUPED, ["q_proj", "v_proj"], True),
    "qwen3": ("Qwen3ForCausalLM", SMALL_HEADS, ["q_proj", "v_proj"], True),
    "gemma": ("GemmaForCausalLM", SMALL_HEADS, ["q_proj", "v_proj"], True),
    "gemma2": ("Gemma2ForCausalLM", SMALL_HEADS | {"sliding_window": 16}, ["q_proj", "v_proj"], False),
    "mistral": ("MistralForCausalLM", GROUPED | {"sliding_window": 16}, ["q_proj", "v_proj"], False),
    "mistral, whole window": ("MistralForCausalLM", GROUPED | {"sliding_window": None}, ["q_proj"], True),
    "phi": ("PhiForCausalLM", USUAL, ["q_proj", "v_proj"], True),
    "phi3": ("Phi3ForCausalLM", GROUPED, ["qkv_proj"], True),
    "stablelm": ("StableLmForCausalLM", GROUPED, ["q_proj", "v_proj"], True),
    "olmo2": ("Olmo2ForCausalLM", GROUPED, ["q_proj", "v_proj"], True),
    "granite": ("GraniteForCausalLM", GROUPED, ["q_proj", "v_proj"], True),
    "opt": (
        "OPTForCausalLM",
        USUAL | {"ffn_dim": 64, "word_embed_proj_dim": 32},
        ["q_proj", "v_proj"],
        True,
    ),
    "bloom": ("BloomForCausalLM", {"hidden_size": 32, "n_layer": 2, "n_head": 4}, ["query_key_value"], False),
    "gptj": (
        "GPTJForCausalLM",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 512},
        ["q_proj", "v_proj"],
        True,
    ),
    "gpt_neo": (
        "GPTNeoForCausalLM",
        {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]}
        | {"window_size": 16, "max_position_embeddings": 512},
        ["q_proj", "v_proj"],
        False,
    ),
    "falcon": (
        "FalconForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": False},
        ["query_key_value"],
        False,
    ),
    "mpt": (
        "MptForCausalLM",
        {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 512},
        ["Wqkv"],
        False,
    ),
    "mamba2": (
        "Mamba2ForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "num_heads": 8, "head_dim": 8}
        | {"n_groups": 2, "expand": 2, "chunk_size": 16, "conv_kernel": 4},
        ["in_proj"],
        False,
    ),
    "falcon_mamba": (
        "FalconMambaForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "time_step_rank": 4},
        ["in_proj", "x_proj"],
        False,
    ),
    "cohere": ("CohereForCausalLM", GROUPED | {"logit_scale": 0.3}, ["q_proj", "v_proj"], True),
    "bart": (
        "BartForConditionalGeneration",
        {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}
        | {"decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
        | {"max_position_embeddings": 512, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
        | {"decoder_start_token_id": 1, "forced_eos_token_id": None, "dropout": 0.0},
        ["q_proj", "v_proj"],
        False,
    ),
}
ENDS = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}


def save(name: str, folder: Path) -> Path:
    kind, settings, _, _ = CASES[name]
    model_class = getattr(transformers, kind)
    return tiny._save(
        folder, 0, lambda size: model_class(model_class.config_class(**ENDS | settings, vocab_size=size))
    )


def save_module(base: Path, folder: Path, targets: list[str], seed: int, seq2seq: bool) -> Path:
    task = "SEQ_2_SEQ_LM" if seq2seq else "CAUSAL_LM"
    config = LoraConfig(r=2 + seed, lora_alpha=8, target_modules=targets, task_type=task)
    return tiny._save_adapter(base, folder, config, seed=seed, size=0.2, model_id="tests/x")


@pytest.mark.filterwarnings("ignore")  # of the older models' own making
@pytest.mark.parametrize("name", CASES)
def test_losses_answers_and_a_composition_are_those_of_the_plain_model(name: str, tmp_path: Path) -> None:
    _, _, targets, packs = CASES[name]
    folder = save(name, tmp_path / "base")
    base = load_base_model(folder, dtype="float32", device="cpu")
    adapters = [
        load_adapter(save_module(folder, tmp_path / f"m{seed}", targets, seed, base.is_seq2seq))
        for seed in (1, 2)
    ]
    evaluator = Evaluator(base, adapters)
    assert evaluator.is_packable is packs
    rows = encode_examples(base.tokenizer, ROWS, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=512)
    models = [dense_model(base, "deltas", adapters, w) for w in WEIGHTS]
    losses = evaluator.losses(WEIGHTS, rows)
    np.testing.assert_allclose(losses, [plain_losses(base, m, rows) for m in models], atol=2e-5)
    assert np.ptp(losses, axis=0).max() > 1e-3  # the weights do matter to this model
    results = row_results(evaluator, WEIGHTS, ROWS, DEFAULT_TEMPLATE, max_new_tokens=3)
    for result, model in zip(results, models, strict=True):
        merged = dataclasses.replace(base, model=model)
        expected = evaluate_rows(merged, ROWS, DEFAULT_TEMPLATE, max_new_tokens=3, batch_rows=1)
        together = evaluate_rows(merged, ROWS, DEFAULT_TEMPLATE, max_new_tokens=3)
        assert result.answers == expected.answers == together.answers
        np.testing.assert_allclose(together.losses, expected.losses, atol=2e-5)
        np.testing.assert_allclose(result.losses, expected.losses, atol=2e-5)


@pytest.mark.parametrize("kind", [*tiny.SAVERS])
@pytest.mark.parametrize("objective", ["loss", "exact_match", "option_accuracy"])
def test_a_saved_composition_has_the_same_logits_in_peft(
    kind: str,
    objective: str,
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Any]],
    tmp_path: Path,
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    settings = ComposeSettings(budget=6, max_new_tokens=2, objective=objective)
    result = compose(base, adapters, ROWS, settings=settings)
    assert result.arms[-1].option_n == len(ROWS)
    save_adapter(
        result.adapter,
        tmp_path,
        base_model_id=base.model_id,
        task_type="SEQ_2_SEQ_LM" if base.is_seq2seq else "CAUSAL_LM",
    )
    theirs = PeftModel.from_pretrained(tiny.load_model(tiny_folder(kind)), tmp_path)
    ours = dense_model(base, "deltas", [result.adapter], np.ones(1))
    inputs: dict[str, Any] = {"input_ids": torch.tensor([base.tokenizer.encode("Say it.")])}
    if base.is_seq2seq:
        inputs["decoder_input_ids"] = torch.tensor([[0, 7, 8]])
    with torch.inference_mode():
        torch.testing.assert_close(theirs(**inputs).logits, ours(**inputs).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [*tiny.SAVERS])
def test_a_model_in_bf16_is_searched_in_it_and_finished_in_fp32(
    kind: str, tiny_folder: Callable[[str], Path], mixed_adapters: Callable[[str], list[Any]]
) -> None:
    base = load_base_model(tiny_folder(kind), dtype="bfloat16", device="cpu")
    result = compose(base, mixed_adapters(kind), ROWS, settings=ComposeSettings(budget=6, max_new_tokens=2))
    assert result.arithmetic == "bfloat16"
    exact = copy.copy(base)
    exact.model = copy.deepcopy(base.model).float()
    rows = encode_examples(base.tokenizer, ROWS, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=512)
    merged = dense_model(exact, "deltas", [result.adapter], np.ones(1))
    again = float(np.mean(plain_losses(exact, merged, rows)))
    assert again == pytest.approx(result.loss_after_compression, abs=1e-4)
    tried = [value for g in result.generations for value in g.losses if value is not None]
    assert result.loss == pytest.approx(min(tried), abs=0.2)  # of those tried in bf16


def test_a_model_that_takes_no_mask_is_refused(tmp_path: Path) -> None:
    config = transformers.RwkvConfig(hidden_size=32, num_hidden_layers=1, vocab_size=300)
    config.save_pretrained(tmp_path)
    with pytest.raises(BaseModelError, match="type rwkv are not supported"):
        load_base_model(tmp_path)
