"""Tiny random models and adapters in the formats of the real ones, built in well under a second each.

    base = save_llama(tmp_path / "base")                      # also save_gpt2, save_neox, save_t5, save_mamba
    module = save_lora(base, tmp_path / "module", r=4, alpha=8, seed=1)

Everything is written by transformers and PEFT, so the files are what a user would upload. The tokenizer reads any
text byte by byte. The random models are useless as models: the tests compare numbers, not answers.
"""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

MODEL_ID = "tests/tiny-llama"
HIDDEN, LAYERS, HEADS = 32, 2, 4


def save_tokenizer(folder: Path, *, pad_is_end: bool = False) -> int:
    """Write a byte-level tokenizer with an end token (and a pad token, or the end token in its place); its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(["<pad>", "</s>", "<unk>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>" if pad_is_end else "<pad>",
        model_max_length=512,
    )
    fast.save_pretrained(folder)
    return len(fast)


def save_llama(folder: Path, *, seed: int = 0, hidden: int = HIDDEN, layers: int = LAYERS) -> Path:
    """A causal model; its pad token is its end token, as in SmolLM2."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return _save(
        folder,
        seed,
        lambda size: LlamaForCausalLM(
            LlamaConfig(
                vocab_size=size,
                hidden_size=hidden,
                intermediate_size=2 * hidden,
                num_hidden_layers=layers,
                num_attention_heads=HEADS,
                num_key_value_heads=HEADS // 2,
                max_position_embeddings=512,
                tie_word_embeddings=True,
                bos_token_id=1,
                eos_token_id=1,
                pad_token_id=1,
            )
        ),
        pad_is_end=True,
    )


def save_gpt2(folder: Path, *, seed: int = 0) -> Path:
    """A causal model whose linear layers are Conv1D."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return _save(
        folder,
        seed,
        lambda size: GPT2LMHeadModel(
            GPT2Config(
                vocab_size=size,
                n_embd=HIDDEN,
                n_layer=LAYERS,
                n_head=HEADS,
                n_positions=512,
                bos_token_id=1,
                eos_token_id=1,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
            )
        ),
    )


def save_neox(folder: Path, *, seed: int = 0) -> Path:
    """A causal model with one fused query/key/value layer and parallel residuals."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return _save(
        folder,
        seed,
        lambda size: GPTNeoXForCausalLM(
            GPTNeoXConfig(
                vocab_size=size,
                hidden_size=HIDDEN,
                intermediate_size=2 * HIDDEN,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                max_position_embeddings=512,
                bos_token_id=1,
                eos_token_id=1,
            )
        ),
    )


def save_t5(folder: Path, *, seed: int = 0) -> Path:
    """An encoder-decoder model."""
    from transformers import T5Config, T5ForConditionalGeneration

    return _save(
        folder,
        seed,
        lambda size: T5ForConditionalGeneration(
            T5Config(
                vocab_size=size,
                d_model=HIDDEN,
                d_kv=HIDDEN // HEADS,
                d_ff=2 * HIDDEN,
                num_layers=LAYERS,
                num_heads=HEADS,
                dropout_rate=0.0,
                pad_token_id=0,
                eos_token_id=1,
                decoder_start_token_id=0,
            )
        ),
    )


def save_mamba(folder: Path, *, seed: int = 0) -> Path:
    """A state-space model."""
    from transformers import MambaConfig, MambaForCausalLM

    return _save(
        folder,
        seed,
        lambda size: MambaForCausalLM(
            MambaConfig(
                vocab_size=size,
                hidden_size=HIDDEN,
                state_size=4,
                num_hidden_layers=LAYERS,
                conv_kernel=4,
                expand=2,
                time_step_rank=4,
                bos_token_id=1,
                eos_token_id=1,
                pad_token_id=0,
                use_mambapy=False,
            )
        ),
    )


SAVERS: dict[str, Callable[..., Path]] = {
    "llama": save_llama,
    "gpt2": save_gpt2,
    "neox": save_neox,
    "t5": save_t5,
    "mamba": save_mamba,
}
TARGETS = {
    "llama": ("q_proj", "v_proj"),
    "gpt2": ("c_attn", "c_proj"),
    "neox": ("query_key_value", "dense"),
    "t5": ("q", "v"),
    "mamba": ("in_proj", "x_proj"),
}


def _save(folder: Path, seed: int, build: Callable[[int], Any], *, pad_is_end: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    size = save_tokenizer(folder, pad_is_end=pad_is_end)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(size).eval()
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and "norm" not in name:
                # Random weights of the default size give nearly uniform logits; larger ones let the tests see errors.
                torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    return folder


def save_lora(
    base: Path,
    folder: Path,
    *,
    r: int = 4,
    alpha: float = 8,
    seed: int = 0,
    targets: Sequence[str] | None = None,
    size: float = 0.2,
    model_id: str = MODEL_ID,
    dtype: torch.dtype = torch.float32,
    **config: Any,
) -> Path:
    """A PEFT LoRA folder on the base model in `base`, both factors random with standard deviation `size`.

    `config` goes to peft.LoraConfig (use_rslora, use_dora, rank_pattern, alpha_pattern, layers_to_transform, ...).
    `model_id` becomes base_model_name_or_path. The magnitudes of DoRA are moved by up to a third.
    """
    from peft import LoraConfig

    key = _kind(base)
    settings = LoraConfig(
        r=r,
        lora_alpha=alpha,
        target_modules=list(targets or TARGETS[key]),
        task_type="SEQ_2_SEQ_LM" if key == "t5" else "CAUSAL_LM",
        fan_in_fan_out=key == "gpt2",
        **config,
    )
    return _save_adapter(base, folder, settings, seed=seed, size=size, model_id=model_id, dtype=dtype)


def save_lycoris(
    base: Path,
    folder: Path,
    *,
    peft_type: str = "LOHA",
    r: int = 2,
    alpha: float = 4,
    seed: int = 0,
    targets: Sequence[str] | None = None,
    size: float = 0.3,
    model_id: str = MODEL_ID,
    **config: Any,
) -> Path:
    """A PEFT LoHa or LoKr folder, all factors random. PEFT adapts no Conv1D with them, so none of GPT-2's layers."""
    from peft import LoHaConfig, LoKrConfig

    key = _kind(base)
    settings = {"LOHA": LoHaConfig, "LOKR": LoKrConfig}[peft_type](
        r=r,
        alpha=alpha,
        target_modules=list(targets or TARGETS[key]),
        task_type="SEQ_2_SEQ_LM" if key == "t5" else "CAUSAL_LM",
        **config,
    )
    return _save_adapter(base, folder, settings, seed=seed, size=size, model_id=model_id)


def _kind(base: Path) -> str:
    kind = json.loads((base / "config.json").read_text())["model_type"]
    return {"gpt_neox": "neox"}.get(kind, kind)


def _save_adapter(
    base: Path,
    folder: Path,
    settings: Any,
    *,
    seed: int,
    size: float,
    model_id: str,
    dtype: torch.dtype = torch.float32,
) -> Path:
    from peft import get_peft_model

    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        peft_model = get_peft_model(load_model(base), settings)
        for name, parameter in peft_model.named_parameters():
            if any(part in name for part in ("lora_A", "lora_B", "lora_embedding", "hada_", "lokr_")):
                torch.nn.init.normal_(parameter, std=size)
                parameter.data = parameter.data.to(dtype)
            elif "lora_magnitude_vector" in name:
                parameter.data *= 1 + (torch.rand_like(parameter) - 0.5) / 1.5
        peft_model.peft_config["default"].base_model_name_or_path = model_id
        peft_model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def load_model(base: Path) -> Any:
    """The model in `base` in float32 and evaluation mode."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config = AutoConfig.from_pretrained(base)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    return auto.from_pretrained(base, dtype=torch.float32).eval()


def rows(count: int = 5) -> list[Mapping[str, str]]:
    """Rows with inputs and outputs of different lengths."""
    outputs = ["yes", "no", "seven", "a b", "x"]
    return [
        {"input": f"Say it.\n\nQ: {'word ' * (1 + 2 * (i % 4))}{i}\nA:", "output": outputs[i % 5]}
        for i in range(count)
    ]
