"""Expected values: the same model with the explicit dense sum of w_i s_i B_i A_i added to its weights."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers.pytorch_utils import Conv1D

from composer.adapters import Adapter
from composer.base_model import BaseModel, parameters_digest
from composer.errors import AdapterError, SearchStopped, SettingsError
from composer.evaluator import Evaluator
from composer.limits import Limits
from composer.methods import combine
from composer.prompts import EncodedRow
from tests import tiny

KINDS = list(tiny.SAVERS)
WEIGHTS = np.array([[0.5, -0.3, 0.2], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.1, 0.4, -0.7]])


def dense_model(base: BaseModel, method: str, adapters: list[Adapter], weights: np.ndarray) -> Any:
    model = copy.deepcopy(base.model)
    for layer, factors in combine(method, adapters, list(weights)).factors.items():
        module = model.get_submodule(layer)
        delta = factors.dense()
        module.weight.data += delta.T if isinstance(module, Conv1D) else delta
    return model


@torch.inference_mode()
def plain_losses(base: BaseModel, model: Any, rows: list[EncodedRow]) -> list[float]:
    """One row after another, no padding, no hooks."""
    losses = []
    for row in rows:
        answer = torch.tensor([row.answer])
        if base.is_seq2seq:
            logits = model(input_ids=torch.tensor([row.prompt]), labels=answer).logits
        else:
            ids = torch.tensor([row.prompt + row.answer])
            logits = model(input_ids=ids).logits[:, len(row.prompt) - 1 : -1]
        losses.append(torch.nn.functional.cross_entropy(logits[0], answer[0]).item())
    return losses


@pytest.mark.parametrize("method", ["deltas", "factors"])
@pytest.mark.parametrize("kind", KINDS)
def test_losses_equal_those_of_the_explicit_dense_sum(
    kind: str,
    method: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base(kind), mixed_adapters(kind)
    rows = encoded(base)
    losses = Evaluator(base, adapters, method=method).losses(WEIGHTS, rows)
    expected = [plain_losses(base, dense_model(base, method, adapters, w), rows) for w in WEIGHTS]
    np.testing.assert_allclose(losses, expected, atol=1e-5)
    assert np.ptp(losses, axis=0).min() > 1e-2  # the weights do matter to this model


@pytest.mark.parametrize("kind", KINDS)
def test_a_generation_equals_its_candidates_one_by_one_and_rows_one_by_one(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base(kind)
    rows = encoded(base)
    evaluator = Evaluator(base, mixed_adapters(kind))
    together = evaluator.losses(WEIGHTS, rows)
    alone = [[evaluator.losses(w[None], [row])[0, 0] for row in rows] for w in WEIGHTS]
    np.testing.assert_allclose(together, alone, atol=2e-6)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_small_batches_give_the_same_losses(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base(kind)
    rows = encoded(base)
    small = Evaluator(base, mixed_adapters(kind), limits=Limits(tokens=100)).losses(WEIGHTS, rows)
    np.testing.assert_allclose(small, Evaluator(base, mixed_adapters(kind)).losses(WEIGHTS, rows), atol=2e-6)


def test_the_base_model_is_bit_equal_afterwards_and_has_no_hooks(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    before = parameters_digest(base.model)
    Evaluator(base, mixed_adapters("llama")).losses(WEIGHTS, encoded(base))
    assert parameters_digest(base.model) == before
    assert base.model.config._attn_implementation == "eager"
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in base.model.modules())


def test_stopping_in_the_middle_leaves_no_hooks(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")

    def stop() -> None:
        raise SearchStopped("stopped")

    with pytest.raises(SearchStopped):
        Evaluator(base, mixed_adapters("llama"), pulse=stop).losses(WEIGHTS, encoded(base))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in base.model.modules())


def test_bf16_losses_are_near_those_in_fp32(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    rows = encoded(base)
    coarse = Evaluator(base, adapters, dtype=torch.bfloat16).mean_losses(WEIGHTS, rows)
    np.testing.assert_allclose(coarse, Evaluator(base, adapters).mean_losses(WEIGHTS, rows), atol=0.1)
    assert base.model.dtype == torch.float32


def test_an_adapter_of_another_base_model_is_refused(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    with pytest.raises(AdapterError, match="does not fit this base model") as error:
        Evaluator(tiny_base("gpt2"), mixed_adapters("llama"))
    assert error.value.code == "does_not_fit_base"


def test_weights_of_another_number_of_modules_are_refused(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base = tiny_base("llama")
    with pytest.raises(SettingsError, match=r"\[candidates, 3\]"):
        Evaluator(base, mixed_adapters("llama")).losses(np.ones((2, 4)), encoded(base))
