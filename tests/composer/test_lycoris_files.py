"""LoHa and LoKr folders, each wrong in one way."""

import numpy as np
import pytest

from composer.adapter_files import inspect_adapter
from composer.adapters import load_adapter
from composer.errors import AdapterError
from tests.composer.adapter_folder import safetensors_bytes, write_adapter

LAYER = "base_model.model.model.layers.0.self_attn.q_proj"
HADA = {"hada_w1_a": (8, 2), "hada_w1_b": (2, 6), "hada_w2_a": (8, 2), "hada_w2_b": (2, 6)}
LOKR = {"lokr_w1": (2, 3), "lokr_w2_a": (4, 2), "lokr_w2_b": (2, 2)}


def folder(path, peft_type, shapes, **changes):
    arrays = {f"{LAYER}.{part}": np.full(shape, 0.1, dtype="<f4") for part, shape in shapes.items()}
    config = {"peft_type": peft_type, "r": 2, "alpha": 4, "target_modules": ["q_proj"], **changes}
    return write_adapter(path, config=config, weights=safetensors_bytes(arrays))


@pytest.mark.parametrize(
    ("kind", "shapes", "size"), [("LOHA", HADA, (8, 6)), ("LOKR", LOKR, (8, 6))], ids=["LoHa", "LoKr"]
)
def test_the_folders_all_cases_start_from_are_valid(tmp_path, kind, shapes, size):
    info = inspect_adapter(folder(tmp_path, kind, shapes))
    assert info.composable
    shape = info.layers["model.layers.0.self_attn.q_proj"]
    assert (shape.d_out, shape.d_in) == size
    assert load_adapter(tmp_path).factors["model.layers.0.self_attn.q_proj"].scale == 2.0


@pytest.mark.parametrize(
    ("kind", "shapes", "code"),
    [
        ("LOHA", {k: v for k, v in HADA.items() if k != "hada_w2_b"}, "bad_layout"),
        ("LOHA", HADA | {"hada_w2_b": (2, 5)}, "bad_layout"),
        ("LOHA", HADA | {"hada_w1_b": (3, 6)}, "bad_layout"),
        ("LOHA", HADA | {"hada_w1_a": (8, 3), "hada_w1_b": (3, 6)}, "bad_config"),
        ("LOHA", LOKR, "bad_tensor_name"),
        ("LOHA", HADA | {"other": (2, 2)}, "bad_tensor_name"),
        ("LOKR", {"lokr_w1": (2, 3)}, "bad_layout"),
        ("LOKR", LOKR | {"lokr_w2": (4, 2)}, "bad_layout"),
        ("LOKR", LOKR | {"lokr_w2_b": (3, 2)}, "bad_layout"),
        ("LOKR", LOKR | {"lokr_w2_a": (4, 1), "lokr_w2_b": (1, 2)}, "bad_config"),
    ],
)
def test_contradictions_are_refused(tmp_path, kind, shapes, code):
    with pytest.raises(AdapterError) as error:
        inspect_adapter(folder(tmp_path, kind, shapes))
    assert error.value.code == code


@pytest.mark.parametrize("changes", [{"r": None}, {"r": 0}, {"r": 10**9}, {"alpha": "much"}])
def test_config_values_are_checked_as_those_of_lora(tmp_path, changes):
    with pytest.raises(AdapterError) as error:
        inspect_adapter(folder(tmp_path, "LOHA", HADA, **changes))
    assert error.value.code == "bad_config"


def test_fields_of_lora_change_nothing(tmp_path):
    """PEFT drops them; with use_rslora the scale would be 4 / sqrt(2)."""
    info = inspect_adapter(folder(tmp_path, "LOKR", LOKR, use_rslora=True, use_dora=True, lora_alpha=99))
    assert info.composable
    assert info.config.scale("model.layers.0.self_attn.q_proj") == 2.0


def test_a_convolution_is_not_composable(tmp_path):
    info = inspect_adapter(
        folder(tmp_path, "LOHA", HADA | {"hada_t1": (2, 2, 3, 3), "hada_t2": (2, 2, 3, 3)})
    )
    assert not info.composable
    assert "not a linear layer" in info.reason


def test_full_weights_are_not_composable(tmp_path):
    info = inspect_adapter(folder(tmp_path, "LOKR", LOKR, modules_to_save=["lm_head"]))
    assert info.code == "full_weights_not_allowed"
