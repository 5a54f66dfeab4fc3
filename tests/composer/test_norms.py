"""Expected values: transformers' own norms."""

from collections.abc import Callable

import pytest
import torch
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from composer.base_model import BaseModel
from composer.norms import lean_norms, replaced


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_lean_norm_is_the_models_own_to_the_last_bits(dtype: torch.dtype) -> None:
    module = LlamaRMSNorm(64).to(dtype)
    module.weight.data = torch.randn(64, generator=torch.Generator().manual_seed(1)).to(dtype)
    states = 5 * torch.randn(2, 7, 64, generator=torch.Generator().manual_seed(2)).to(dtype)
    kept = states.clone()
    with torch.inference_mode():
        expected = module(states)
        with replaced(lean_norms(module)):
            lean = module(states)
    torch.testing.assert_close(lean, expected, rtol=4 * torch.finfo(dtype).eps, atol=1e-6)
    assert torch.equal(states, kept)
    assert "forward" not in vars(module)


def test_a_norm_of_another_kind_keeps_its_own() -> None:
    module = GemmaRMSNorm(64)
    module.variance_epsilon = module.eps
    assert lean_norms(module) == []


@pytest.mark.parametrize(("kind", "count"), [("llama", 5), ("gpt2", 0)])
def test_all_norms_of_a_llama_are_found(kind: str, count: int, tiny_base: Callable[[str], BaseModel]) -> None:
    assert len(lean_norms(tiny_base(kind).model)) == count
