import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from composer.base_model import load_base_model, parameters_digest
from composer.errors import SearchStopped, SettingsError
from composer.examples import Example
from composer.generate import row_losses
from composer.prompts import DEFAULT_TEMPLATE
from composer.tune import TrainSettings, train_adapter
from tests import tiny

ROWS = [Example(f"count {i}", "one two" if i % 2 else "three") for i in range(12)]
SETTINGS = TrainSettings(rank=2, alpha=4, steps=25, batch_rows=4, learning_rate=2e-2)


@pytest.mark.parametrize("kind", ["llama", "t5", "mamba"])
def test_training_lowers_the_loss_and_leaves_the_base_alone(kind, tmp_path) -> None:
    base = load_base_model(tiny.SAVERS[kind](tmp_path / "base"), dtype="float32")
    digest = parameters_digest(base.model)
    before = sum(row_losses(base, ROWS, DEFAULT_TEMPLATE))
    train_adapter(base, ROWS, tmp_path / "out", SETTINGS)
    assert parameters_digest(base.model) == digest
    assert sum(row_losses(base, ROWS, DEFAULT_TEMPLATE)) == before
    base.model = PeftModel.from_pretrained(base.model, tmp_path / "out")
    assert sum(row_losses(base, ROWS, DEFAULT_TEMPLATE)) < 0.95 * before


def test_the_same_seed_trains_the_same_adapter(tmp_path) -> None:
    base = load_base_model(tiny.save_llama(tmp_path / "base"), dtype="float32")
    for name in ("one", "two"):
        train_adapter(base, ROWS, tmp_path / name, SETTINGS)
    one, two = (load_file(tmp_path / n / "adapter_model.safetensors") for n in ("one", "two"))
    assert all(t.dtype == torch.bfloat16 for t in one.values())
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_stopped_training_leaves_the_base_alone(tmp_path) -> None:
    base = load_base_model(tiny.save_llama(tmp_path / "base"), dtype="float32")
    before = row_losses(base, ROWS, DEFAULT_TEMPLATE)

    def stop(step: int, loss: float) -> None:
        if step == 3:
            raise SearchStopped("enough")

    with pytest.raises(SearchStopped):
        train_adapter(base, ROWS, tmp_path / "out", SETTINGS, on_step=stop)
    assert row_losses(base, ROWS, DEFAULT_TEMPLATE) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"steps": 0}, {"learning_rate": 2.0}, {"template": "no places"}]
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(SettingsError):
        TrainSettings(**wrong)
