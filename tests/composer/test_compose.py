"""compose() end to end on tiny models: what comes back, resumption, odd input."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel

from composer.adapters import Adapter, Factors, load_adapter, save_adapter
from composer.base_model import BaseModel, parameters_digest
from composer.checkpoint import Generation
from composer.compose import Composition, Progress, compose
from composer.errors import AdapterError, ComposerError, ExampleError, IncompatibleAdapters, SearchStopped
from composer.examples import Example
from composer.generate import evaluate_rows
from composer.settings import ComposeSettings
from tests import tiny

SETTINGS = ComposeSettings(budget=14, max_new_tokens=4, arms="basic")
FULL = ["base", "in_context", "best_single", "uniform", "placebo", "tuned_lora", "composition"]


@pytest.fixture(scope="session")
def holdout() -> list[Example]:
    return [Example(**row) for row in tiny.rows(9)][5:]


def many(adapters: list[Adapter], count: int) -> list[Adapter]:
    """`count` different adapters made of three."""
    made = []
    for index in range(count):
        source = adapters[index % len(adapters)]
        factors = {
            n: replace(f, a=f.a * math.cos(index), b=f.b.roll(index, 0)) for n, f in source.factors.items()
        }
        made.append(replace(source, name=f"module{index}", factors=factors))
    return made


def core(composition: Composition) -> tuple[Any, ...]:
    """What has to be equal bit for bit when a run is repeated."""
    return composition.weights, composition.loss, composition.generations, composition.loss_after_compression


@pytest.mark.parametrize("kind", list(tiny.SAVERS))
def test_a_composition_is_found_compared_and_saved_for_every_architecture(
    kind: str,
    tiny_base: Callable[[str], BaseModel],
    tiny_folder: Callable[[str], Path],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
    holdout: list[Example],
    tmp_path: Path,
) -> None:
    base = tiny_base(kind)
    before = parameters_digest(base.model)
    result = compose(
        base, mixed_adapters(kind), examples, holdout=holdout, settings=replace(SETTINGS, arms="full")
    )
    assert parameters_digest(base.model) == before
    tried = [loss for g in result.generations for loss in g.losses if loss is not None]
    assert min(tried) - 1e-6 <= result.loss < max(tried)
    assert result.loss_after_compression == pytest.approx(result.loss, abs=0.02)
    assert result.evaluations <= 14
    assert [arm.key for arm in result.arms] == FULL
    assert result.arms[1].details["shots"] == 5
    assert (result.arms[1].tokens or 0) > 5 * (result.arms[0].tokens or 0)
    assert all(
        arm.n == 4 and len(arm.answers) == 4 and arm.loss_low <= arm.loss <= arm.loss_high
        for arm in result.arms
    )
    assert result.held_out is True
    assert "held-out rows" in result.verdict["text"]
    # What is written is what was measured: PEFT, generation and all.
    task = "SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM"
    save_adapter(result.adapter, tmp_path, base_model_id=base.model_id, task_type=task)
    loaded = PeftModel.from_pretrained(tiny.load_model(tiny_folder(kind)), tmp_path).merge_and_unload()
    again = evaluate_rows(replace(base, model=loaded), holdout, SETTINGS.template, max_new_tokens=4)
    arm = result.arms[-1]
    np.testing.assert_allclose(again.losses, arm.row_losses, atol=1e-4)
    assert again.answers == [row["answer"] for row in arm.answers]


@pytest.mark.parametrize("method", ["deltas", "factors"])
@pytest.mark.parametrize("optimizer", ["auto", "cma", "cobyla"])
def test_a_run_continues_from_every_generation_bit_for_bit(
    optimizer: str,
    method: str,
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
    holdout: list[Example],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    settings = replace(SETTINGS, optimizer=optimizer, method=method, seed=4)

    def run(history: Sequence[Generation] = ()) -> Composition:
        return compose(base, adapters, examples, holdout=holdout[:1], settings=settings, history=history)

    whole = run()
    for cut in {0, 1, len(whole.generations) // 2, len(whole.generations)}:
        assert core(run(whole.generations[:cut])) == core(whole)


def test_of_many_modules_the_best_are_selected_and_a_stopped_run_continues(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = tiny_base("llama"), many(mixed_adapters("llama"), 25)
    settings = replace(SETTINGS, max_modules=5)
    whole = compose(base, adapters, examples, settings=settings)
    assert np.count_nonzero(whole.weights) <= 5
    assert 0 < whole.selection_evaluations < 25
    assert sum(probe is not None for probe in whole.probes) < 25
    done: list[Any] = []

    def stop_after_two(progress: Progress) -> None:
        if progress.generation is not None:
            done.append(progress.generation)
            if len(done) == 2:
                raise SearchStopped("enough")

    with pytest.raises(SearchStopped):
        compose(base, adapters, examples, settings=settings, on_progress=stop_after_two)
    assert core(compose(base, adapters, examples, settings=settings, history=done)) == core(whole)


def test_progress_tells_every_generation_and_is_called_in_between(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    seen: list[Progress] = []
    result = compose(
        tiny_base("llama"), mixed_adapters("llama"), examples, settings=SETTINGS, on_progress=seen.append
    )
    assert [p.generation for p in seen if p.generation] == result.generations
    assert {"select", "search", "evaluate", "write"} == {p.stage for p in seen}
    assert len(seen) > 2 * len(result.generations)
    assert [p.best_loss for p in seen if p.generation][-1] is not None
    assert not result.held_out


def test_one_module_and_a_budget_of_one_give_that_module(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    result = compose(
        tiny_base("llama"), mixed_adapters("llama")[:1], examples, settings=replace(SETTINGS, budget=1)
    )
    assert (result.weights, result.evaluations) == ([1.0], 1)


def test_a_zero_adapter_changes_nothing(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    adapter = mixed_adapters("llama")[0]
    zero = replace(
        adapter, factors={n: Factors(f.a, torch.zeros_like(f.b), f.scale) for n, f in adapter.factors.items()}
    )
    result = compose(tiny_base("llama"), [zero], examples, settings=replace(SETTINGS, budget=3))
    assert result.loss == pytest.approx(result.start_loss, abs=1e-6)
    assert result.verdict["beats_base"] is False
    assert result.verdict["text"].startswith("No gain")


def test_modules_that_overflow_are_counted_and_never_chosen(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    good = mixed_adapters("llama")[0]
    huge = replace(good, name="huge", factors={n: replace(f, b=f.b * 1e38) for n, f in good.factors.items()})
    result = compose(tiny_base("llama"), [huge, good], examples, settings=SETTINGS)
    assert result.not_finite >= 1
    assert result.weights[0] == 0.0
    assert math.isfinite(result.loss)
    with pytest.raises(ComposerError) as error:
        compose(tiny_base("llama"), [huge], examples, settings=replace(SETTINGS, budget=2))
    assert error.value.code == "not_finite"


def test_the_rank_is_raised_until_the_loss_is_kept(
    tiny_base: Callable[[str], BaseModel], tiny_module: Callable[..., Path], examples: list[Example]
) -> None:
    adapters = [load_adapter(tiny_module("llama", seed=seed, r=4, size=0.4)) for seed in (60, 61)]
    result = compose(tiny_base("llama"), adapters, examples, settings=replace(SETTINGS, rank=1))
    assert result.rank > 1
    assert result.loss_after_compression <= result.loss + 0.01 * max(1.0, result.loss)


def test_a_recipe_names_everything_that_decides_the_result(
    tiny_base: Callable[[str], BaseModel],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    result = compose(tiny_base("llama"), mixed_adapters("llama"), examples, settings=SETTINGS)
    recipe = result.recipe([{"name": f"alice/m{i}", "revision": "a" * 40} for i in range(3)])
    assert [m["weight"] for m in recipe["modules"]] == result.weights
    assert recipe["modules"][1]["revision"] == "a" * 40
    assert recipe["settings"]["budget"] == 14
    assert len(recipe["examples_sha256"]) == 64
    assert recipe["versions"]["torch"] == torch.__version__


def test_bad_input_is_refused_with_a_sentence(
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
    mixed_adapters: Callable[[str], list[Adapter]],
    examples: list[Example],
) -> None:
    base, adapters = tiny_base("llama"), mixed_adapters("llama")
    with pytest.raises(IncompatibleAdapters, match="at least one module"):
        compose(base, [], examples)
    with pytest.raises(ExampleError, match="no examples"):
        compose(base, adapters, [])
    with pytest.raises(ExampleError, match="tokens; the model reads 512"):
        compose(base, adapters, [Example("x" * 600, "y")])
    with pytest.raises(AdapterError) as error:
        compose(base, [load_adapter(tiny_module("gpt2"))], examples)
    assert error.value.code == "does_not_fit_base"
