"""What the studies read: the rows of an unseen task, adapters from folders, and records that can be continued.

DATA holds `<task>.jsonl` with rows {"input", "output", "split": "fewshot" | "test"}.
"""

import glob
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from composer.adapters import Adapter, load_adapter
from composer.base_model import BaseModel
from composer.examples import Example
from composer.prompts import DEFAULT_TEMPLATE, EncodedRow, encode_examples


def task_names(data: Path, wanted: Sequence[str] | None) -> list[str]:
    """The wanted tasks; all in DATA if none are named."""
    return list(wanted or sorted(path.stem for path in data.glob("*.jsonl")))


def read_task(path: Path) -> tuple[list[Example], list[Example]]:
    """(few-shot rows, test rows) of a task, in the order of its file."""
    data = read_record(path)
    few, test = (
        [Example(r["input"], r["output"]) for r in data if r["split"] == s] for s in ("fewshot", "test")
    )
    return few, test


def shuffled(path: Path, *, pool: int, rows: int) -> tuple[list[Example], list[Example]]:
    """At most `pool` few-shot rows and `rows` test rows of a task: a choice that is fixed for the task's name."""
    random = np.random.default_rng([*path.stem.encode()])
    few, test = (
        [part[i] for i in random.permutation(len(part))[:most]]
        for part, most in zip(read_task(path), (pool, rows), strict=True)
    )
    return few, test


def adapter_folders(pattern: str) -> list[Path]:
    """The folders of a pattern that hold an adapter, by name."""
    return [Path(p) for p in sorted(glob.glob(pattern)) if Path(p, "adapter_config.json").is_file()]


def load_adapters(pattern: str) -> list[Adapter]:
    return [load_adapter(folder) for folder in adapter_folders(pattern)]


def encode(base: BaseModel, examples: Sequence[Example]) -> list[EncodedRow]:
    """The rows in the default prompt, as the base model reads them."""
    return encode_examples(
        base.tokenizer, examples, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=base.context_length
    )


def read_record(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines; none of one that is not there yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
