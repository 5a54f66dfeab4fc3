"""The arithmetic of composer.memory on numbers worked out by hand; whether it holds is measured by benchmarks.evaluator."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.errors import ComposerError
from composer.evaluator import Evaluator
from composer.limits import CPU_TOKENS, Limits, check_job, model_shapes, module_shapes, predict_job
from composer.memory import (
    SPARE,
    ModelShapes,
    ModuleShapes,
    RowShapes,
    available_memory,
    fitting_tokens,
    forward_bytes,
    job_memory,
    token_bytes,
    tuning_bytes,
)
from composer.prompts import EncodedRow

# SmolLM2-135M; 20 modules of rank 8 on q_proj and v_proj
LLAMA = {
    "model.embed_tokens": (576, 49_152),
    "lm_head": (49_152, 576),
    **{f"model.layers.{i}.self_attn.q_proj": (576, 576) for i in range(30)},
    **{f"model.layers.{i}.self_attn.{n}_proj": (192, 576) for i in range(30) for n in "kv"},
    **{f"model.layers.{i}.mlp.up_proj": (1536, 576) for i in range(30)},
}
SMOL = ModelShapes.of(LLAMA, 134_515_008)
MODULES = ModuleShapes(numbers=20 * 460_800, ranks=160, count=20)


def test_shapes_of_a_model_are_read_off_its_layers() -> None:
    assert (
        ModelShapes(134_515_008, hidden=576, widest=1536, vocabulary=49_152, cached=30 * 384, blocks=30)
        == SMOL
    )
    gpt2 = {"wte": (64, 1000), "h.0.attn.c_attn": (192, 64), "h.0.mlp.c_fc": (256, 64)}
    assert ModelShapes.of(gpt2, 1) == ModelShapes(
        1, hidden=64, widest=256, vocabulary=1000, cached=128, blocks=1
    )


def test_a_loaded_model_and_its_adapters_have_the_shapes_of_their_tensors(
    tiny_base: Callable[[str], BaseModel], mixed_adapters: Callable[[str], list[Adapter]]
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    shapes = model_shapes(base)
    assert (shapes.hidden, shapes.widest, shapes.vocabulary) == (32, 64, len(base.tokenizer))
    assert shapes.cached == 2 * 2 * 16
    modules = module_shapes(adapters)
    assert (modules.ranks, modules.count) == (4 + 2 + 3, 3)
    assert modules.numbers == sum(f.a.numel() + f.b.numel() for a in adapters for f in a.factors.values())


def test_a_job_needs_more_with_more_modules_tokens_or_in_bf16_a_second_copy() -> None:
    rows = RowShapes(longest=200, answer=5)
    small = job_memory(SMOL, MODULES, rows, size=4, tokens=2048)
    assert small.parts["base model"] == 4 * 134_515_008
    assert small.parts["base model in float32"] == 0
    assert small.loaded == sum(list(small.parts.values())[:3])
    assert job_memory(SMOL, MODULES, rows, size=2, tokens=2048).parts["base model in float32"] == 538_060_032
    many = ModuleShapes(numbers=10 * MODULES.numbers, ranks=1600, count=200)
    assert job_memory(SMOL, many, rows, size=4, tokens=2048).total > small.total
    assert job_memory(SMOL, MODULES, rows, size=4, tokens=4096).total > small.total
    # No forward has fewer tokens than a row, however low the limit.
    long = RowShapes(longest=4096, answer=5)
    assert (
        forward_bytes(SMOL, MODULES, long, size=4, tokens=4096)
        == (job_memory(SMOL, MODULES, long, size=4, tokens=1).parts["one forward, or a step of tuning"])
    )


def test_tuning_takes_more_the_longer_the_rows_are() -> None:
    # Measured: 1,407 MB above the model for five rows of up to 200 tokens
    five = tuning_bytes(SMOL, RowShapes(longest=200, answer=4, tuned=5, tuned_longest=200), 2)
    assert 1_407_000_000 < five < 1_600_000_000
    assert tuning_bytes(SMOL, RowShapes(longest=400, answer=4, tuned=5, tuned_longest=400), 2) > 2 * five
    assert tuning_bytes(SMOL, RowShapes(longest=400, answer=4), 2) == 0


def test_batches_shrink_with_the_memory_and_too_little_is_an_error() -> None:
    each = token_bytes(SMOL, MODULES, 2)
    assert fitting_tokens(SMOL, MODULES, size=2, wanted=2048, least=64, available=1 << 40) == 2048
    assert (
        fitting_tokens(SMOL, MODULES, size=2, wanted=2048, least=64, available=SPARE + 300 * each + 1) == 300
    )
    with pytest.raises(ComposerError, match=r"0\.1 GB are free: take fewer") as error:
        fitting_tokens(SMOL, MODULES, size=2, wanted=2048, least=64, available=SPARE)
    assert error.value.code == "too_little_memory"


def test_what_is_free_is_the_least_of_machine_container_and_limit(tmp_path: Path) -> None:
    free = available_memory(root=tmp_path)
    assert 0 < free <= psutil.virtual_memory().total
    held = psutil.Process().memory_info().rss
    assert available_memory(held + 50_000_000, root=tmp_path) <= 60_000_000
    (tmp_path / "memory.max").write_text("30000000\n")
    (tmp_path / "memory.current").write_text("25000000\n")
    assert available_memory(root=tmp_path) == 5_000_000
    (tmp_path / "memory.stat").write_text("anon 1\nactive_file 1000000\ninactive_file 2000000\n")
    assert available_memory(root=tmp_path) == 8_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(root=tmp_path) > 8_000_000


def test_a_job_that_cannot_fit_is_refused_before_it_starts(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    encoded: Callable[[BaseModel], list[EncodedRow]],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    rows = encoded(base)
    held = psutil.Process().memory_info().rss
    with pytest.raises(ComposerError, match="needs about") as error:
        check_job(base, adapters, rows, memory=held + 10_000_000)
    assert error.value.code == "too_little_memory"
    check_job(base, adapters, rows)
    with pytest.raises(ComposerError, match="needs about"):
        Limits.of(base, adapters, dtype=torch.float32, memory=held)
    need = predict_job(base, adapters, rows, tokens=0)
    assert predict_job(base, adapters, rows).total > need.total
    assert predict_job(base, adapters, rows, tokens=0, in_context=True).total > need.total
    assert predict_job(base, adapters, rows, tokens=0, tuned=True).total > need.total


def test_an_evaluator_fills_its_batches_by_what_is_free(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    assert Evaluator(base, adapters).limits.tokens == CPU_TOKENS
