"""Parity with the published package, `lorahub` 0.1.0 from PyPI, on a tiny T5: equal weights and modules, equal loss."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from composer.adapters import Adapter, load_adapter
from composer.base_model import BaseModel, load_base_model
from composer.errors import IncompatibleAdapters
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.faithful import (
    combine_faithful,
    published_loss,
    published_objective,
    published_penalty,
    reference_modules,
    replay,
)
from composer.prompts import EncodedRow, encode_examples
from tests import tiny

lorahub = pytest.importorskip("lorahub.algorithm", reason="make test installs it: requirements-reference.txt")

pytestmark = pytest.mark.filterwarnings("ignore")  # of the package's own making
ROWS = [Example(**row) for row in tiny.rows(5)]
SEARCH = [[0.7, -0.4, 1.3], [0.1, 0.9, -0.6], [0.7, -0.4, 1.3], [0.0, 0.0, 0.0], [-0.3, 0.2, 0.5]]
SAME: list[dict[str, Any]] = [{"seed": seed} for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """A tiny T5 whose tokenizer adds the end token itself, as T5's own does."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    folder = tiny.save_t5(tmp_path_factory.mktemp("t5") / "base")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.eos_token_id)]
    )
    tokenizer.save_pretrained(folder)
    loaded = load_base_model(folder, dtype="float32", device="cpu")
    loaded.model_id = str(folder)  # where the package loads it from
    return loaded


@pytest.fixture
def modules(base: BaseModel, tmp_path: Path) -> Callable[[list[dict[str, Any]]], list[Path]]:
    return lambda configs: [
        tiny.save_lora(Path(base.model_id), tmp_path / f"m{index}", **config)
        for index, config in enumerate(configs)
    ]


class Published:
    """The package with these modules loaded, as its lorahub_learning loads them."""

    def __init__(self, folders: Sequence[Path], base: BaseModel) -> None:
        names = [str(folder) for folder in folders]
        self.model, tokenizer, self.cache = lorahub.load_base_model_and_lora_modules(names, base.model_id)
        inputs, outputs = [row.input for row in ROWS], [row.output for row in ROWS]
        self.dataset = lorahub.load_dataset(inputs, outputs, tokenizer)

    def objective(self, weights: Sequence[float], batch_size: int | None = None) -> float:
        return float(
            lorahub.get_score(
                weights,
                self.model,
                self.cache,
                self.dataset,
                batch_size,
                lorahub.default_get_loss,
                lorahub.default_l1_regularization,
            )
        )


def rows_of(base: BaseModel) -> list[EncodedRow]:
    return encode_examples(base.tokenizer, ROWS, "{input}{output}", seq2seq=True, limit=2048)


def our_objective(
    base: BaseModel, composed: Adapter, weights: Sequence[float], batch_size: int | None = None
) -> float:
    rows = rows_of(base)
    losses = Evaluator(base, [composed]).losses(np.ones((1, 1)), rows)[0]
    return published_objective(losses, [len(row.answer) for row in rows], weights, batch_size=batch_size)


CASES: dict[str, list[dict[str, Any]]] = {
    "equal settings": SAME,
    "the last one's alpha": [{"seed": 1, "alpha": 8}, {"seed": 2, "alpha": 16}, {"seed": 3, "alpha": 4}],
    "the last one's rsLoRA": [{"seed": 1}, {"seed": 2}, {"seed": 3, "use_rslora": True, "alpha": 5}],
    "layers of the second only": [{"seed": 1}, {"seed": 2, "targets": ("q", "v", "k")}, {"seed": 3}],
    "a layer that the last lacks": [{"seed": 1}, {"seed": 2, "alpha": 16}, {"seed": 3, "targets": ("q",)}],
    "a layer that the second lacks": [{"seed": 1, "alpha": 3}, {"seed": 2, "targets": ("v",)}, {"seed": 3}],
    "layers of the last only": [{"seed": 1}, {"seed": 2}, {"seed": 3, "targets": ("q", "v", "wo")}],
}


@pytest.mark.parametrize("configs", CASES.values(), ids=CASES)
def test_the_first_evaluation_is_that_of_the_package(
    configs: list[dict[str, Any]], base: BaseModel, modules: Callable[..., list[Path]]
) -> None:
    folders = modules(configs)
    theirs = Published(folders, base).objective(SEARCH[0])
    composed = combine_faithful([load_adapter(folder) for folder in folders], SEARCH[0])
    assert our_objective(base, composed, SEARCH[0]) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("configs", CASES.values(), ids=CASES)
def test_a_whole_search_is_that_of_the_package(
    configs: list[dict[str, Any]], base: BaseModel, modules: Callable[..., list[Path]]
) -> None:
    """With its drift: the third candidate is the first again, and has another loss."""
    folders = modules(configs)
    published = Published(folders, base)
    theirs = [published.objective(weights) for weights in SEARCH]
    composed: Iterator[Adapter] = replay([load_adapter(folder) for folder in folders], SEARCH)
    ours = [our_objective(base, one, weights) for one, weights in zip(composed, SEARCH, strict=True)]
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert abs(theirs[2] - theirs[0]) > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 5, 99])
def test_the_loss_depends_on_the_batch_size_as_theirs_does(
    batch_size: int, base: BaseModel, modules: Callable[..., list[Path]]
) -> None:
    folders = modules(SAME)
    theirs = Published(folders, base).objective(SEARCH[0], batch_size)
    composed = combine_faithful([load_adapter(folder) for folder in folders], SEARCH[0])
    assert our_objective(base, composed, SEARCH[0], batch_size) == pytest.approx(theirs, abs=1e-5)


def test_a_generation_is_evaluated_at_once_by_the_factors_method(
    base: BaseModel, modules: Callable[..., list[Path]]
) -> None:
    adapters = [load_adapter(folder) for folder in modules(CASES["the last one's alpha"])]
    rows = rows_of(base)
    together = Evaluator(base, reference_modules(adapters), method="factors").losses(np.array(SEARCH), rows)
    for losses, weights in zip(together, SEARCH, strict=True):
        alone = Evaluator(base, [combine_faithful(adapters, weights)]).losses(np.ones((1, 1)), rows)[0]
        np.testing.assert_allclose(losses, alone, atol=1e-5)


def test_their_final_weights_drift_once_more(base: BaseModel, modules: Callable[..., list[Path]]) -> None:
    folders = modules(SAME)
    published = Published(folders, base)
    for weights in SEARCH:
        published.objective(weights)
    final = lorahub.get_final_weights(SEARCH[0], [str(folder) for folder in folders], published.cache)
    *_, ours = replay([load_adapter(folder) for folder in folders], [*SEARCH, SEARCH[0]])
    for layer, f in ours.factors.items():
        a = final[f"base_model.model.{layer}.lora_A.weight"]
        b = final[f"base_model.model.{layer}.lora_B.weight"]
        torch.testing.assert_close(f.a, a, atol=1e-6, rtol=0)
        torch.testing.assert_close(f.dense(), 8 / 4 * b @ a, atol=1e-5, rtol=0)


def test_other_ranks_are_refused_as_by_the_package(
    base: BaseModel, modules: Callable[..., list[Path]]
) -> None:
    folders = modules([{"r": 4}, {"r": 2}])
    with pytest.raises(Exception, match="cannot be merged"):
        lorahub.load_base_model_and_lora_modules([str(folder) for folder in folders], base.model_id)
    with pytest.raises(IncompatibleAdapters, match="cannot be added"):
        combine_faithful([load_adapter(folder) for folder in folders], [1.0, 1.0])


def test_loss_and_penalty_by_hand() -> None:
    """Two rows of 1 and 3 answer tokens: (1 * 4 + 3 * 2) / 4 tokens / 2 rows; in batches of one (4 + 2) / 2."""
    losses = np.array([4.0, 2.0])
    assert published_loss(losses, [1, 3]) == pytest.approx(2.5 / 2)
    assert published_loss(losses, [1, 3], batch_size=1) == pytest.approx(6 / 2)
    assert published_penalty([1.0, -0.5]) == pytest.approx(0.05 * 0.75)
    assert published_penalty([1.0, -0.5]) == pytest.approx(lorahub.default_l1_regularization([1.0, -0.5]))
