"""Does the best of 1,000 modules reach the search? Selection by text, then by successive halving, against an oracle.

    python -m benchmarks.selection --base DIR --modules 'starter/*' --data DIR [--tasks a b ...] [--draws 5]
        [--variants 6] [--pool 10] [--rows 15] [--sentence-model DIR] [--note TEXT] [--out benchmarks/results/selection]

The library: the real modules, and copies of them that are rotated (B Q A with a random orthogonal Q in every layer: another
function), noisy (factors with noise of 0.5 or 1 times their size), re-ranked (the best approximation of half the rank) or
mislabelled (the weights of one with the words of another); all copies but the mislabelled carry the words of their source.
`--variants` functions a module are distinct, and repeated under further names until there are 1,000.

The oracle: the loss of every distinct function alone on held-out rows of an unseen task (DATA as in benchmarks.study).
The selection sees five examples: the hub's candidates_for on its own PostgreSQL, then composer.select within 64 evaluations
down to 20. A run is good if a module of the oracle-best function is among the 20; `near` counts runs in which the best of
the 20 is at most 0.02 nats or 2 % above the oracle. Losses are lines of OUT.jsonl; those that are there stay.
"""

import argparse
import glob
import hashlib
import itertools
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe_machine

DATA = Path(tempfile.mkdtemp(prefix="lora-hub-bench-"))
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "hub.settings",
    "HUB_DATA": str(DATA),
    "DATABASE_URL": "",
    "HUB_STATIC_HASHED": "0",
}

import django  # noqa: E402

from composer.adapters import Adapter, Factors, load_adapter  # noqa: E402
from composer.base_model import BaseModel, load_base_model  # noqa: E402
from composer.evaluator import Evaluator  # noqa: E402
from composer.examples import Example  # noqa: E402
from composer.prompts import DEFAULT_TEMPLATE, encode_examples  # noqa: E402
from composer.select import BUDGET, select_modules  # noqa: E402

Array = NDArray[np.float64]
LIBRARY, KEPT, EXAMPLES = 1000, 20, 5
CANDIDATES = (64, 200)
COPIES = ("equal files", "saved anew")  # a copy under another name: recognised by its bytes, or not
NEAR = 0.02  # nats, or this share of the loss if that is more
# What the copies of a module are, in turn, as many as --variants says; mislabelled ones are added in the library.
KINDS = (
    "original",
    "rotated 1",
    "noisy 0.5",
    "re-ranked",
    "rotated 2",
    "noisy 1.0",
    "rotated 3",
    "rotated 4",
)
MISLABELLED = 0.2  # of the library


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--modules", required=True, help="adapter folders with a module.json, a pattern")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", nargs="*", help="names; all if left out")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--variants", type=int, default=6, choices=range(1, len(KINDS) + 1))
    parser.add_argument("--pool", type=int, default=10, help="few-shot rows that draws of five are made from")
    parser.add_argument("--rows", type=int, default=15, help="held-out rows of the oracle")
    parser.add_argument("--sentence-model", type=Path, help="its folder; fetched if left out")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/selection"))
    parser.add_argument("--note", default="", help="what a reader of the figures should know")
    parser.add_argument("--losses-only", action="store_true", help="stop when the losses are there")
    options = parser.parse_args()
    folders = [Path(p) for p in sorted(glob.glob(options.modules)) if Path(p, "module.json").exists()]
    tasks = options.tasks or sorted(path.stem for path in options.data.glob("*.jsonl"))
    record = options.out.with_suffix(".jsonl")
    record.parent.mkdir(parents=True, exist_ok=True)
    compute_losses(options, folders, tasks, record)
    if options.losses_only:
        return
    lines = {(r["task"], r["function"]): r for r in read(record)}
    summary = judge(options, folders, tasks, lines)
    summary["note"] = options.note
    summary["command"] = " ".join(["python -m benchmarks.selection", *shown_arguments(options)])
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=2) + "\n")
    options.out.with_suffix(".md").write_text(table(summary))
    print(table(summary))


# The oracle: the losses of all distinct functions -------------------------------------------------------


def function_names(folders: Sequence[Path], variants: int) -> list[str]:
    return [f"{folder.name}/{kind}" for folder in folders for kind in KINDS[:variants]]


def make(adapter: Adapter, kind: str, seed: Sequence[int]) -> Adapter:
    """A copy of the adapter that is another function; the seed makes it the same in every run."""
    word, _, size = kind.partition(" ")
    random = torch.Generator().manual_seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    factors = {}
    for layer, f in adapter.factors.items():
        a, b = f.a, f.b
        if word == "rotated":
            q, _ = torch.linalg.qr(torch.randn(f.rank, f.rank, generator=random))
            b = b @ q
        elif word == "noisy":
            a = a + float(size) * a.std() * torch.randn(a.shape, generator=random)
            b = b + float(size) * b.std() * torch.randn(b.shape, generator=random)
        elif word == "re-ranked":
            b, a = halved_rank(b, a)
        factors[layer] = Factors(a=a, b=b, scale=f.scale)
    return replace(adapter, name=f"{adapter.name}/{kind}", factors=factors)


def halved_rank(b: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    qb, rb = torch.linalg.qr(b)
    qa, ra = torch.linalg.qr(a.T)
    u, s, vt = torch.linalg.svd(rb @ ra.T)
    keep = max(1, a.shape[0] // 2)
    return (qb @ u[:, :keep]) * s[:keep], vt[:keep] @ qa.T


def split(path: Path, pool: int, rows: int) -> tuple[list[Example], list[Example]]:
    """(the few-shot pool, the held-out rows) of a task: fixed for its name."""
    data = [json.loads(line) for line in path.read_text().splitlines()]
    random = np.random.default_rng([*path.stem.encode()])
    found = []
    for name, most in (("fewshot", pool), ("test", rows)):
        part = [Example(r["input"], r["output"]) for r in data if r["split"] == name]
        found.append([part[i] for i in random.permutation(len(part))[:most]])
    return found[0], found[1]


def compute_losses(
    options: argparse.Namespace, folders: Sequence[Path], tasks: Sequence[str], record: Path
) -> None:
    done = {(r["task"], r["function"]) for r in read(record)}
    names = function_names(folders, options.variants)
    missing = [task for task in tasks if any((task, name) not in done for name in names)]
    if not missing:
        return
    base = load_base_model(options.base)
    originals = [load_adapter(folder) for folder in folders]
    for task in missing:
        pool, held_out = split(options.data / f"{task}.jsonl", options.pool, options.rows)
        for number, kind in enumerate(KINDS[: options.variants]):
            began = time.perf_counter()
            adapters = [make(a, kind, (number, i)) for i, a in enumerate(originals)]
            if (task, adapters[-1].name) in done:
                continue
            losses = losses_of(base, adapters, [*pool, *held_out])
            with record.open("a") as out:
                for adapter, row in zip(adapters, losses, strict=True):
                    line = {
                        "task": task,
                        "function": adapter.name,
                        "pool": row[: len(pool)].round(5).tolist(),
                        "held_out": row[len(pool) :].round(5).tolist(),
                    }
                    out.write(json.dumps(line) + "\n")
            print(f"{task}: {kind}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def losses_of(base: BaseModel, adapters: Sequence[Adapter], examples: Sequence[Example]) -> Array:
    rows = encode_examples(
        base.tokenizer, examples, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    return Evaluator(base, adapters).losses(np.eye(len(adapters)), rows)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# The library and its selection --------------------------------------------------------------------------


def library(folders: Sequence[Path], variants: int, count: int = LIBRARY) -> list[tuple[str, Path]]:
    """(function, folder whose words it carries), shuffled: nothing but words and weights tells them apart."""
    random = np.random.default_rng(0)
    names = function_names(folders, variants)
    entries = [(name, folders[i // variants]) for i, name in enumerate(names)]
    copies = [(name, folder) for name, folder in entries if not name.endswith("/original")] or entries
    wrong = int(MISLABELLED * count)
    while len(entries) < count - wrong:
        entries.append(copies[random.integers(len(copies))])
    while len(entries) < count:
        name, folder = (names[random.integers(len(names))], folders[random.integers(len(folders))])
        if not name.startswith(f"{folder.name}/"):
            entries.append((name, folder))
    return [entries[i] for i in random.permutation(len(entries))[:count]]


class Known:
    """Stands for the evaluator where the losses of all functions are known already, and counts forwards of one example."""

    def __init__(self, losses: Array) -> None:
        self.table, self.count, self.forwards = losses, len(losses), 0

    def losses(self, gates: Array, rows: Sequence[int]) -> Array:
        self.forwards += len(gates) * len(rows)
        found: Array = self.table[gates.argmax(axis=1)][:, list(rows)]
        return found


def judge(
    options: argparse.Namespace, folders: Sequence[Path], tasks: Sequence[str], lines: dict[Any, Any]
) -> dict[str, Any]:
    start_hub(options.sentence_model)
    from django.contrib.auth.models import AnonymousUser

    from hub.registry.services import rank_modules

    entries = library(folders, options.variants)
    base_model = store(entries)
    milliseconds = {}
    names = function_names(folders, options.variants)
    runs: list[dict[str, Any]] = []
    for copies, task in itertools.product(COPIES, tasks):
        if task == tasks[0]:
            give_files(entries, same=copies == "equal files")
        pool, _ = split(options.data / f"{task}.jsonl", options.pool, options.rows)
        held_out = {name: float(np.mean(lines[task, name]["held_out"])) for name in names}
        best = min(held_out, key=lambda name: held_out[name])
        for draw in range(options.draws):
            random = np.random.default_rng([draw, *task.encode()])
            rows = random.permutation(len(pool))[:EXAMPLES]
            examples = [pool[i] for i in rows]
            for most in CANDIDATES:
                ranked = rank_modules(base_model, AnonymousUser(), examples, most=most)
                found = [entries[int(c.revision.module.name.removeprefix("m"))][0] for c in ranked]
                table_ = np.array([[lines[task, name]["pool"][i] for i in rows] for name in found])
                evaluator = Known(table_)
                selection = select_modules(evaluator, list(range(len(rows))), most=KEPT)  # type: ignore[arg-type]
                assert evaluator.forwards <= BUDGET * EXAMPLES
                kept = {found[i] for i in selection.kept}
                reached = min(held_out[name] for name in kept)
                runs.append(
                    {
                        "task": task,
                        "draw": draw,
                        "candidates": most,
                        "copies": copies,
                        "oracle": best,
                        "oracle_loss": held_out[best],
                        "in_candidates": best in found,
                        "in_kept": best in kept,
                        "near": reached <= held_out[best] + NEAR * max(1.0, held_out[best]),
                        "reached_loss": reached,
                        "random_loss": float(
                            np.mean([min_of_random(held_out, entries, s) for s in range(20)])
                        ),
                        "evaluations": selection.evaluations,
                    }
                )
    pools = [split(options.data / f"{task}.jsonl", options.pool, options.rows)[0][:5] for task in tasks]
    milliseconds[LIBRARY] = timed(base_model, pools)
    more(base_model, 10_000 - LIBRARY)
    milliseconds[10_000] = timed(base_model, pools)
    return {
        "library": LIBRARY,
        "distinct_functions": len(names),
        "held_out_rows": options.rows,
        "tasks": list(tasks),
        "draws": options.draws,
        "figures": [
            {"copies": copies, "candidates": most}
            | figures([r for r in runs if (r["candidates"], r["copies"]) == (most, copies)])
            for copies, most in itertools.product(COPIES, CANDIDATES)
        ],
        "ranking_milliseconds": milliseconds,
        "machine": describe_machine(),
        "runs": runs,
    }


def min_of_random(held_out: dict[str, float], entries: Sequence[tuple[str, Path]], seed: int) -> float:
    """The best held-out loss among 20 modules taken by chance: what selection is worth."""
    chosen = np.random.default_rng(seed).permutation(len(entries))[:KEPT]
    return min(held_out[entries[i][0]] for i in chosen)


def figures(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares over runs, each with its 95 % interval by a bootstrap over tasks."""
    tasks = sorted({r["task"] for r in runs})
    values: dict[str, Any] = {"runs": len(runs), "evaluations": max(r["evaluations"] for r in runs)}
    draws = np.random.default_rng(0).integers(len(tasks), size=(4000, len(tasks)))
    for key in ("in_candidates", "in_kept", "near"):
        by_task = np.array([np.mean([r[key] for r in runs if r["task"] == task]) for task in tasks])
        low, high = np.percentile(by_task[draws].mean(axis=1), [2.5, 97.5])
        values[key] = {"share": float(by_task.mean()), "interval": [float(low), float(high)]}
    for key in ("oracle_loss", "reached_loss", "random_loss"):
        values[key] = float(np.mean([r[key] for r in runs]))
    return values


def start_hub(sentence_model: Path | None) -> None:
    from hub import embedded

    embedded.ensure_running(DATA)
    django.setup()
    from django.core.management import call_command

    from hub.registry import embedding_model

    call_command("migrate", verbosity=0)
    if sentence_model:
        shutil.copytree(sentence_model, embedding_model.folder_in(DATA))
    embedding_model.prepare(DATA, lambda text: print(text, file=sys.stderr))


def store(entries: Sequence[tuple[str, Path]]) -> Any:
    """The library as rows of a hub; names tell nothing, the other words are those of the folder."""
    from hub.accounts.services import create_user
    from hub.registry.folders import module_words
    from hub.registry.models import BaseModel as BaseModelRow
    from hub.registry.models import Module, ModuleVector
    from hub.registry.services.search_index import refresh_search
    from hub.registry.services.vectors import about, embedder

    namespace = create_user("library").namespace
    base_model = BaseModelRow.objects.create(
        model_id="bench/base", architecture="causal", fingerprint="0", layers={}, parameters=1,
        context_length=1, folder="/",
    )  # fmt: skip
    model = embedder()
    assert model is not None
    vectors: dict[str, Any] = {}
    for number, (_, folder) in enumerate(entries):
        metadata = module_words(folder)
        module = Module.objects.create(
            namespace=namespace,
            name=f"m{number}",
            base_model=base_model,
            base_model_label=base_model.model_id,
            summary=metadata.summary,
            task=metadata.task,
            tags=list(metadata.tags),
            prompt_template=metadata.prompt_template,
        )
        with_head(module)
        refresh_search(module)
        module.name = folder.name  # a real module's name is part of what it is about
        text = about(module)
        if text not in vectors:
            vectors[text] = model.embed([text])[0]
        ModuleVector.objects.create(module=module, about=vectors[text])
    analyze()
    return base_model


def give_files(entries: Sequence[tuple[str, Path]], *, same: bool) -> None:
    """Every module's files: equal ones for equal functions, or none, as if each copy had been saved anew."""
    from hub.registry.models import Blob, File, Module

    File.objects.all().delete()
    if not same:
        return
    blobs = {}
    for name in dict.fromkeys(name for name, _ in entries):
        digest = hashlib.sha256(name.encode()).hexdigest()
        blobs[name] = Blob.objects.get_or_create(sha256=digest, defaults={"size": 1, "git_sha1": ""})[0]
    File.objects.bulk_create(
        File(revision_id=module.head_id, path=path, blob=blobs[entries[int(module.name[1:])][0]])
        for module in Module.objects.all()
        for path in ("adapter_config.json", "adapter_model.safetensors")
    )


def more(base_model: Any, count: int) -> None:
    """Further modules to time the ranking with: vectors near those that are there."""
    from hub.registry.models import Module, ModuleVector

    random = np.random.default_rng(0)
    seeds = list(Module.objects.select_related("vector", "head")[:200])
    made = Module.objects.bulk_create(
        Module(
            namespace=seed.namespace, name=f"n{i}", base_model=base_model, head=seed.head,
            search_text=seed.search_text, search_vector=None, summary=seed.summary,
        )
        for i in range(count) for seed in [seeds[i % len(seeds)]]
    )  # fmt: skip
    Module.objects.filter(search_vector=None).update(search_vector=words_of(seeds[0]))
    vectors = []
    for i, module in enumerate(made):
        vector = np.asarray(seeds[i % len(seeds)].vector.about) + 0.02 * random.standard_normal(384)
        vectors.append(ModuleVector(module=module, about=vector / np.linalg.norm(vector)))
    ModuleVector.objects.bulk_create(vectors, batch_size=500)
    analyze()


def words_of(module: Any) -> Any:
    from django.contrib.postgres.search import SearchVector

    return SearchVector("summary", weight="B", config="hub")


def with_head(module: Any) -> None:
    from hub.registry.models import Revision

    module.head = Revision.objects.create(
        module=module, commit=f"{module.pk:040x}", number=1, peft_type="LORA", rank=4, alpha=8,
        targets=["q_proj"], parameters=1, dtype="BF16", size=1, composable=True,
    )  # fmt: skip
    module.save()


def analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def timed(base_model: Any, pools: Sequence[list[Example]]) -> dict[str, float]:
    """Milliseconds of candidates_for, and of the embedding of the examples in it."""
    from django.contrib.auth.models import AnonymousUser

    from hub.registry.services import candidates_for
    from hub.registry.services.vectors import embedder

    model = embedder()
    assert model is not None
    whole, part = [], []
    for examples in pools * 3:
        began = time.perf_counter()
        candidates_for(base_model, AnonymousUser(), examples)
        whole.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        model.embed_examples(examples)
        part.append(1000 * (time.perf_counter() - began))
    return {"median": statistics.median(whole), "slowest": max(whole), "embedding": statistics.median(part)}


# What is written ----------------------------------------------------------------------------------------


def shown_arguments(options: argparse.Namespace) -> list[str]:
    shown = ["--base DIR", "--modules 'starter/*'", "--data DIR"]
    if options.tasks:
        shown.append(f"--tasks {' '.join(options.tasks)}")
    return [*shown, *(f"--{k} {getattr(options, k)}" for k in ("draws", "variants", "pool", "rows"))]


def table(summary: dict[str, Any]) -> str:
    lines = [
        f"A library of {summary['library']} modules, {summary['distinct_functions']} of them distinct functions; "
        f"{len(summary['tasks'])} unseen tasks x {summary['draws']} draws of {EXAMPLES} examples; the oracle's loss is "
        f"that on {summary['held_out_rows']} held-out rows. 95 % intervals: bootstrap over tasks.",
        "",
        f"| copies | candidates by text | evaluations | oracle-best a candidate | **oracle-best in the {KEPT}** | "
        f"best of the {KEPT} within 0.02 nats or 2 % of the oracle | held-out loss: oracle / these 20 / 20 by chance |",
        "|---|---|---|---|---|---|---|",
    ]
    for v in summary["figures"]:
        shares = [
            f"{v[key]['share']:.0%} [{v[key]['interval'][0]:.0%}, {v[key]['interval'][1]:.0%}]"
            for key in ("in_candidates", "in_kept", "near")
        ]
        lines.append(
            f"| {v['copies']} | {v['candidates']} | {v['evaluations']} | {' | '.join(shares)} | "
            f"{v['oracle_loss']:.2f} / {v['reached_loss']:.2f} / "
            f"{v['random_loss']:.2f} |"
        )
    lines += [
        "",
        "| modules | ranking, ms median | slowest | of it embedding the examples |",
        "|---|---|---|---|",
    ]
    for count, ms in summary["ranking_milliseconds"].items():
        lines.append(f"| {count} | {ms['median']:.0f} | {ms['slowest']:.0f} | {ms['embedding']:.0f} |")
    note = f"\n{summary['note']}\n" if summary["note"] else ""
    return "\n".join(lines) + f"\n{note}\n`{summary['command']}`\n"


if __name__ == "__main__":
    try:
        main()
    finally:
        from hub import embedded

        embedded.stop(DATA)
        shutil.rmtree(DATA, ignore_errors=True)
