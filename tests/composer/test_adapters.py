"""Reading and writing adapters. Expected values: PEFT 0.21.2 on the same folders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel

from composer.adapters import Adapter, load_adapter, save_adapter
from composer.base_model import BaseModel
from composer.errors import AdapterError
from composer.evaluator import Evaluator
from composer.methods import combine_deltas, compress
from tests import tiny

KINDS = list(tiny.SAVERS)
IDS = torch.tensor([[5, 9, 33, 70, 12, 8, 99]])


@torch.inference_mode()
def logits(model: Any, kind: str) -> torch.Tensor:
    extra = {"decoder_input_ids": IDS[:, :3]} if kind == "t5" else {}
    result: torch.Tensor = model(input_ids=IDS, **extra).logits
    return result


def peft_logits(base: Path, adapter: Path, kind: str) -> torch.Tensor:
    model = PeftModel.from_pretrained(tiny.load_model(base), adapter).eval()
    return logits(model, kind)


@torch.inference_mode()
def our_logits(base: BaseModel, adapter: Adapter, kind: str) -> torch.Tensor:
    evaluator = Evaluator(base, [adapter])
    with evaluator.gates.rows(torch.ones(1, 1)):
        return logits(base.model, kind)


CONFIGS: list[dict[str, Any]] = [
    {"r": 4, "alpha": 8},
    {"r": 4, "alpha": 6, "use_rslora": True},
    {"r": 4, "alpha": 8, "layers_to_transform": [1]},
]


@pytest.mark.parametrize("config", CONFIGS, ids=["plain", "rslora", "one layer"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_adapter_gives_the_logits_that_peft_gives(
    kind: str,
    config: dict[str, Any],
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
) -> None:
    if kind == "t5" and "layers_to_transform" in config:
        config = {"r": 4, "alpha": 8}
    folder = tiny_module(kind, seed=7, **config)
    ours = our_logits(tiny_base(kind), load_adapter(folder), kind)
    torch.testing.assert_close(ours, peft_logits(tiny_folder(kind), folder, kind), atol=1e-5, rtol=0)


def test_rank_and_alpha_patterns_are_obeyed(
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
) -> None:
    patterns = {
        "rank_pattern": {"layers.0.self_attn.q_proj": 2, "v_proj": 3},
        "alpha_pattern": {"v_proj": 12},
    }
    folder = tiny_module("llama", r=4, alpha=8, **patterns)
    adapter = load_adapter(folder)
    assert adapter.factors["model.layers.0.self_attn.q_proj"].rank == 2
    assert adapter.factors["model.layers.1.self_attn.v_proj"].scale == 12 / 3
    ours = our_logits(tiny_base("llama"), adapter, "llama")
    torch.testing.assert_close(ours, peft_logits(tiny_folder("llama"), folder, "llama"), atol=1e-5, rtol=0)


@pytest.mark.parametrize("pad_ranks", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_composition_gives_the_same_logits_in_peft(
    kind: str,
    pad_ranks: bool,
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
    tmp_path: Path,
) -> None:
    # Mixed ranks within the result: the second adapter touches fewer layers than the first.
    first = load_adapter(tiny_module(kind, r=4, alpha=8, seed=1))
    second = load_adapter(tiny_module(kind, r=3, alpha=5, seed=2, targets=tiny.TARGETS[kind][:1]))
    small, _ = compress(combine_deltas([first, second], [0.7, -0.4]), 6)
    small = small.rounded(torch.float16)
    assert len({f.rank for f in small.factors.values()}) > 1
    task = "SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM"
    save_adapter(small, tmp_path / "out", task_type=task, pad_ranks=pad_ranks)
    ours = our_logits(tiny_base(kind), small, kind)
    torch.testing.assert_close(
        ours, peft_logits(tiny_folder(kind), tmp_path / "out", kind), atol=1e-5, rtol=0
    )
    again = load_adapter(tmp_path / "out")
    torch.testing.assert_close(our_logits(tiny_base(kind), again, kind), ours, atol=1e-6, rtol=0)


def test_a_saved_adapter_names_its_base_model_and_no_path(
    tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    save_adapter(load_adapter(tiny_module("llama")), tmp_path, base_model_id="someone/their-model")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "someone/their-model"
    assert (config["r"], config["lora_alpha"], config["rank_pattern"]) == (4, 4, {})


def test_a_dora_adapter_is_refused_with_its_reason(tiny_module: Callable[..., Path]) -> None:
    """Its update follows from the base model's weights, which are not given here (see test_conversions)."""
    with pytest.raises(AdapterError, match=r"cannot be composed.*DoRA.*at hand"):
        load_adapter(tiny_module("llama", use_dora=True))


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError) as error:
        load_adapter(tmp_path)
    assert error.value.code == "missing_file"


def test_a_hostile_init_setting_never_reaches_peft(tiny_module: Callable[..., Path], tmp_path: Path) -> None:
    for path in tiny_module("llama").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"init_lora_weights": "pissa"}))
    with pytest.raises(AdapterError, match="changes the base model"):
        load_adapter(tmp_path)


def test_rounding_keeps_the_update_within_the_precision_of_the_type(tiny_module: Callable[..., Path]) -> None:
    adapter = load_adapter(tiny_module("llama", r=4, alpha=8, seed=5))
    for layer, f in adapter.rounded(torch.float16).factors.items():
        exact = adapter.factors[layer].dense()
        assert f.scale == 1.0
        np.testing.assert_allclose(f.dense(), exact, atol=2e-3 * float(exact.abs().max()))
