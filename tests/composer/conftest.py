"""Tiny models and adapters shared by the composer's tests, each built once per session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from composer.adapters import Adapter, load_adapter
from composer.base_model import BaseModel, load_base_model
from composer.examples import Example
from composer.prompts import DEFAULT_TEMPLATE, EncodedRow, encode_examples
from tests import tiny

# Tiny tensors gain nothing from a second thread, and lose much where the cores are busy.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the tiny model of a kind: llama, gpt2, neox, t5, mamba."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tiny.SAVERS[kind](tmp_path_factory.mktemp(kind) / "base")
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def tiny_base(tiny_folder: Callable[[str], Path]) -> Callable[[str], BaseModel]:
    made: dict[str, BaseModel] = {}

    def base(kind: str) -> BaseModel:
        if kind not in made:
            made[kind] = load_base_model(tiny_folder(kind), dtype="float32", device="cpu")
        return made[kind]

    return base


@pytest.fixture(scope="session")
def tiny_module(
    tiny_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """A random LoRA folder (LoHa or LoKr with peft_type) for a kind of model; equal arguments give the same folder."""
    made: dict[str, Path] = {}

    def module(kind: str, **settings: Any) -> Path:
        key = f"{kind} {sorted(settings.items())}"
        if key not in made:
            folder = tmp_path_factory.mktemp(kind) / f"module{len(made)}"
            save = tiny.save_lycoris if "peft_type" in settings else tiny.save_lora
            made[key] = save(tiny_folder(kind), folder, **settings)
        return made[key]

    return module


MIXED: list[dict[str, Any]] = [
    {"r": 4, "alpha": 8, "seed": 1},
    {"r": 2, "alpha": 6, "seed": 2},
    {"r": 3, "alpha": 5, "seed": 3, "use_rslora": True},
]


@pytest.fixture(scope="session")
def mixed_adapters(tiny_module: Callable[..., Path]) -> Callable[[str], list[Adapter]]:
    """Three adapters of different rank, alpha and scaling."""
    return lambda kind: [load_adapter(tiny_module(kind, **settings)) for settings in MIXED]


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    return [Example(**row) for row in tiny.rows(5)]


@pytest.fixture(scope="session")
def encoded(examples: list[Example]) -> Callable[[BaseModel], list[EncodedRow]]:
    def encode(base: BaseModel) -> list[EncodedRow]:
        return encode_examples(base.tokenizer, examples, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=512)

    return encode
