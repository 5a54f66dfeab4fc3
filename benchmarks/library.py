"""A library of 1,000 modules made of a few real ones, and the loss of every function in it on unseen tasks.

Functions, `--variants` a module: the module itself; noisy (every factor with noise of 0.1, 0.5 or 1 times its own size:
nearly the same function, and others); re-ranked (the best approximation of half the rank); scrambled (B Q A with a random
orthogonal Q in every layer: the module's size and layers without what it does); scaled; half of its layers.
Copies under further names fill the library up: rotated (B Q with Q^T A: the same update in other numbers). A share of the
modules is mislabelled: they carry the words of another module. See benchmarks.selection for what is measured.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.tasks import encode, read_record, shuffled
from composer.adapters import Adapter, Factors, load_adapter
from composer.base_model import BaseModel, load_base_model
from composer.evaluator import Evaluator
from composer.examples import Example

Array = NDArray[np.float64]
KINDS = (
    "original",
    "noisy 0.1",
    "re-ranked",
    "scrambled",
    "noisy 0.5",
    "scaled 0.5",
    "scaled 1.5",
    "upper half",
    "lower half",
    "noisy 1.0",
)
GROUP = 20  # functions in memory at once


@dataclass(frozen=True, slots=True)
class Entry:
    """A module of the library. function: the folder's name and a kind; words: the folder whose words it carries;
    rotation: 0, or the seed of the rotation that its factors have been through."""

    function: str
    words: Path
    rotation: int


def function_names(folders: Sequence[Path], variants: int) -> list[str]:
    return [f"{folder.name}/{kind}" for folder in folders for kind in KINDS[:variants]]


def library(folders: Sequence[Path], variants: int, count: int, mislabelled: float) -> list[Entry]:
    """`count` modules in an order that tells nothing, the same every time: every function with its own words, and copies."""
    random = np.random.default_rng(0)
    names = function_names(folders, variants)
    entries = [Entry(name, folders[i // variants], 0) for i, name in enumerate(names)]
    wrong = int(mislabelled * count)
    while len(entries) < count - wrong:
        entries.append(replace(entries[random.integers(len(names))], rotation=len(entries)))
    while len(entries) < count:
        entry, folder = entries[random.integers(len(names))], folders[random.integers(len(folders))]
        if folder != entry.words:
            entries.append(replace(entry, words=folder, rotation=len(entries)))
    return [entries[i] for i in random.permutation(len(entries))[:count]]


def make(adapter: Adapter, kind: str) -> Adapter:
    """The function `kind` of a module; its name makes it the same in every run."""
    word, _, size = kind.partition(" ")
    random = seeded(f"{adapter.name}/{kind}")
    factors = {}
    names = sorted(adapter.factors, key=depth)
    halves = {"upper": names[len(names) // 2 :], "lower": names[: len(names) // 2]}
    for layer in halves.get(word, names):
        f = adapter.factors[layer]
        a, b = f.a, f.b
        if word == "scrambled":
            b = b @ orthogonal(f.rank, random)
        elif word == "noisy":
            a = a + float(size) * a.std() * torch.randn(a.shape, generator=random)
            b = b + float(size) * b.std() * torch.randn(b.shape, generator=random)
        elif word == "re-ranked":
            b, a = halved_rank(b, a)
        elif word == "scaled":
            b = b * float(size)
        factors[layer] = Factors(a=a, b=b, scale=f.scale)
    return replace(adapter, name=f"{adapter.name}/{kind}", factors=factors)


def depth(layer: str) -> tuple[int, str]:
    """The number of the block that a layer is in, then its name."""
    return next((int(part) for part in layer.split(".") if part.isdigit()), -1), layer


def rotated(adapter: Adapter, seed: int) -> Adapter:
    """The same update with other factors, B Q and Q^T A; the adapter itself for seed 0."""
    if not seed:
        return adapter
    random = seeded(f"{adapter.name}@{seed}")
    factors = {}
    for layer, f in adapter.factors.items():
        q = orthogonal(f.rank, random)
        factors[layer] = Factors(a=q.T @ f.a, b=f.b @ q, scale=f.scale)
    return replace(adapter, factors=factors)


def orthogonal(rank: int, random: torch.Generator) -> torch.Tensor:
    q: torch.Tensor = torch.linalg.qr(torch.randn(rank, rank, generator=random))[0]
    return q


def halved_rank(b: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    qb, rb = torch.linalg.qr(b)
    qa, ra = torch.linalg.qr(a.T)
    u, s, vt = torch.linalg.svd(rb @ ra.T)
    keep = max(1, a.shape[0] // 2)
    return (qb @ u[:, :keep]) * s[:keep], vt[:keep] @ qa.T


def seeded(name: str) -> torch.Generator:
    state = np.random.SeedSequence([*name.encode()]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(state))


def compute_losses(
    base_folder: Path,
    folders: Sequence[Path],
    variants: int,
    tasks: Sequence[Path],
    record: Path,
    *,
    pool: int,
    rows: int,
) -> None:
    """Append to the record what is missing of {"task", "function", "pool": [...], "held_out": [...]}, nats per row."""
    done = {(r["task"], r["function"]) for r in read_record(record)}
    names = function_names(folders, variants)
    if all((task.stem, name) in done for task in tasks for name in names):
        return
    base = load_base_model(base_folder)
    originals = {folder.name: load_adapter(folder) for folder in folders}
    record.parent.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        few, held_out = shuffled(task, pool=pool, rows=rows)
        missing = [name for name in names if (task.stem, name) not in done]
        for start in range(0, len(missing), GROUP):
            began = time.perf_counter()
            part = missing[start : start + GROUP]
            adapters = [make(originals[name.partition("/")[0]], name.partition("/")[2]) for name in part]
            losses = losses_of(base, adapters, [*few, *held_out])
            with record.open("a") as out:
                for name, row in zip(part, losses.round(5).tolist(), strict=True):
                    line = {
                        "task": task.stem,
                        "function": name,
                        "pool": row[: len(few)],
                        "held_out": row[len(few) :],
                    }
                    out.write(json.dumps(line) + "\n")
            print(
                f"{task.stem}: {part[-1]}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True
            )


def losses_of(base: BaseModel, adapters: Sequence[Adapter], examples: Sequence[Example]) -> Array:
    """[adapters, examples]"""
    return Evaluator(base, adapters).losses(np.eye(len(adapters)), encode(base, examples))
