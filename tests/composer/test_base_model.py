import json
import shutil

import pytest
import torch

from composer.base_model import (
    adaptable_layers,
    describe_base_model,
    fingerprint_files,
    load_base_model,
    parameters_digest,
    prepare_gguf,
)
from composer.errors import BaseModelError
from tests import tiny

KINDS = {"llama": "causal", "gpt2": "causal", "neox": "causal", "t5": "seq2seq", "mamba": "state-space"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_agrees_with_the_loaded_model(kind, tmp_path) -> None:
    folder = tiny.SAVERS[kind](tmp_path)
    description = describe_base_model(folder, model_id="tests/tiny")
    base = load_base_model(folder)
    assert description.architecture == base.architecture == KINDS[kind]
    assert description.layers == adaptable_layers(base.model)
    assert description.parameters == sum(p.numel() for p in base.model.parameters())
    assert description.fingerprint == base.fingerprint
    assert not any(p.requires_grad for p in base.model.parameters())


def test_conv1d_layers_are_described_like_linear_ones(tmp_path) -> None:
    layers = describe_base_model(tiny.save_gpt2(tmp_path)).layers
    assert layers["transformer.h.0.attn.c_attn"] == (3 * tiny.HIDDEN, tiny.HIDDEN)


def test_the_fingerprint_follows_the_weights(tmp_path) -> None:
    one, two = tiny.save_llama(tmp_path / "one"), tiny.save_llama(tmp_path / "two", seed=1)
    assert fingerprint_files(one) != fingerprint_files(two)
    shutil.copy(one / "model.safetensors", two)
    assert fingerprint_files(one) == fingerprint_files(two)


def test_the_digest_sees_one_changed_number(tmp_path) -> None:
    base = load_base_model(tiny.save_llama(tmp_path))
    before = parameters_digest(base.model)
    assert before == parameters_digest(base.model)
    base.model.model.layers[0].self_attn.q_proj.weight.data[0, 0] += 1
    assert parameters_digest(base.model) != before


def test_dtypes(tmp_path) -> None:
    folder = tiny.save_llama(tmp_path)
    assert load_base_model(folder, dtype="bfloat16").model.dtype == torch.bfloat16
    with pytest.raises(BaseModelError, match="dtype"):
        load_base_model(folder, dtype="int4")


def test_folders_that_are_no_model_are_refused(tmp_path) -> None:
    with pytest.raises(BaseModelError, match=r"no config\.json"):
        describe_base_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "not-a-model"}))
    with pytest.raises(BaseModelError, match="cannot read"):
        load_base_model(tmp_path)


def test_weights_that_are_not_safetensors_are_refused(tmp_path) -> None:
    folder = tiny.save_llama(tmp_path)
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BaseModelError):
        load_base_model(folder, fingerprint="known")
    with pytest.raises(BaseModelError, match=r"no \.safetensors weights"):
        describe_base_model(folder)


def test_a_missing_gguf_leaves_nothing_behind(tmp_path) -> None:
    with pytest.raises(BaseModelError, match="cannot read"):
        prepare_gguf(tmp_path / "missing.gguf", tmp_path / "model", model_id="x/y")
    assert not (tmp_path / "model").exists()
