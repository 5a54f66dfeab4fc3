"""Does the best of 1,000 modules reach the search? The hub's candidates, then successive halving, against an oracle.

    python -m benchmarks.selection --base DIR --modules 'starter/*' --data DIR [--tasks a b ...] [--draws 5]
        [--variants 5] [--pool 8] [--rows 10] [--sentence-model DIR] [--record FILE] [--note TEXT]
        [--out benchmarks/results/selection]

The library: benchmarks.library. The oracle: the loss of every distinct function alone on held-out rows of an unseen task
(DATA as in benchmarks.tasks). The selection sees five examples: the hub's rank_modules on its own PostgreSQL, then
composer.select within its budget, down to 20. A run is `exact` if a module with the oracle-best function is among the 20,
good if one with the same update is, as far as two updates count as one (composer.same_update: so is a copy with little
noise), and `near` if the best of the 20 is at most 0.02 nats or 2 % above the oracle on the held-out rows.
Losses are lines of RECORD; those that are there stay, so that the rest takes seconds.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import library_hub
from benchmarks.library import KINDS, Array, Entry, compute_losses, function_names, library
from benchmarks.machine import describe_machine
from benchmarks.selection_table import figures, table
from benchmarks.tasks import adapter_folders, read_record, shuffled, task_names
from composer.examples import Example
from composer.same_update import are_same
from composer.select import BUDGET, Selection, select_modules

LIBRARY, CANDIDATES, KEPT, EXAMPLES = 1000, 200, 20, 5
BUDGETS = (32, 64, 128)
MISLABELLED = (0.2, 0.5)  # of the library
NEAR = 0.02  # nats, or this share of the loss if that is more


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to select. halving: else the first candidates are tried on all examples, as many as the budget allows."""

    arm: str
    budget: int = BUDGET
    vectors: bool = True
    sketches: bool = True
    halving: bool = True


ARMS = (
    *(Setting("all", budget) for budget in BUDGETS),
    Setting("without vectors", vectors=False),
    Setting("without sketches", sketches=False),
    Setting("without halving", halving=False),
    Setting("without any", vectors=False, sketches=False, halving=False),
)


def main() -> None:
    options = arguments()
    folders = [folder for folder in adapter_folders(options.modules) if (folder / "module.json").exists()]
    tasks = [options.data / f"{task}.jsonl" for task in task_names(options.data, options.tasks)]
    pool_rows = {"pool": options.pool, "rows": options.rows}
    compute_losses(options.base, folders, options.variants, tasks, options.record, **pool_rows)
    if options.losses_only:
        return
    names = function_names(folders, options.variants)
    losses = {(r["task"], r["function"]): r for r in read_record(options.record)}
    library_hub.start_hub(options.sentence_model)
    runs: list[dict[str, Any]] = []
    milliseconds: list[float] = []
    for share in MISLABELLED:
        entries = library(folders, options.variants, LIBRARY, share)
        hub = Hub(entries, folders)
        for path, draw in itertools.product(tasks, range(options.draws)):
            pool, _ = shuffled(path, **pool_rows)
            rows = np.random.default_rng([draw, *path.stem.encode()]).permutation(len(pool))[:EXAMPLES]
            examples = [pool[i] for i in rows]
            of_task = {name: losses[path.stem, name] for name in names}
            rankings: dict[tuple[bool, bool], list[int]] = {}
            for setting in ARMS:
                known = (setting.vectors, setting.sketches)
                if known not in rankings:
                    began = time.perf_counter()
                    rankings[known] = hub.ranked(examples, vectors=setting.vectors, sketches=setting.sketches)
                    milliseconds.append(1000 * (time.perf_counter() - began))
                run = judged(hub, rankings[known], setting, of_task, [int(i) for i in rows])
                runs.append({"task": path.stem, "draw": draw, "mislabelled": share} | run)
        hub.remove()
    summary = {
        "library": LIBRARY,
        "candidates": CANDIDATES,
        "kept": KEPT,
        "distinct_functions": len(names),
        "modules": len(folders),
        "kinds": list(KINDS[: options.variants]),
        "held_out_rows": options.rows,
        "tasks": [path.stem for path in tasks],
        "draws": options.draws,
        "figures": [
            {"mislabelled": share, "arm": setting.arm, "budget": setting.budget}
            | figures([r for r in runs if r["mislabelled"] == share and r["setting"] == label(setting)])
            for share, setting in itertools.product(MISLABELLED, ARMS)
        ],
        "ranking_milliseconds": {"median": statistics.median(milliseconds), "slowest": max(milliseconds)},
        "note": options.note,
        "command": command(options),
        "machine": describe_machine(),
        "runs": runs,
    }
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(summary))
    print(table(summary))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--modules", required=True, help="adapter folders with a module.json, a pattern")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", nargs="*", help="names; all if left out")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--variants", type=int, default=5, choices=range(1, len(KINDS) + 1))
    parser.add_argument("--pool", type=int, default=8, help="few-shot rows that draws of five are made from")
    parser.add_argument("--rows", type=int, default=10, help="held-out rows of the oracle")
    parser.add_argument("--sentence-model", type=Path, help="its folder; fetched if left out")
    parser.add_argument("--record", type=Path, default=Path("selection-losses.jsonl"), help="of all losses")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/selection"))
    parser.add_argument("--note", default="", help="what a reader of the figures should know")
    parser.add_argument("--losses-only", action="store_true", help="stop when the losses are there")
    return parser.parse_args()


def command(options: argparse.Namespace) -> str:
    tasks = f" --tasks {' '.join(options.tasks)}" if options.tasks else ""
    rest = " ".join(f"--{key} {getattr(options, key)}" for key in ("draws", "variants", "pool", "rows"))
    return f"python -m benchmarks.selection --base DIR --modules 'starter/*' --data DIR{tasks} {rest}"


def label(setting: Setting) -> str:
    return f"{setting.arm}, {setting.budget}"


class Hub:
    """The library in the hub, ranked by what a setting lets the hub know."""

    def __init__(self, entries: Sequence[Entry], folders: Sequence[Path]) -> None:
        self.entries = entries
        self.sketches = library_hub.sketches_of(entries, folders)
        self.sketch_of = {
            e.function: s for e, s in zip(entries, self.sketches, strict=True) if not e.rotation
        }
        self.base_model = library_hub.store_library(entries)
        library_hub.store_sketches(self.sketches)

    def ranked(self, examples: Sequence[Example], *, vectors: bool, sketches: bool) -> list[int]:
        """Numbers of entries, the likeliest first. What is not to be used is away from the tables meanwhile."""
        from django.contrib.auth.models import AnonymousUser
        from django.db import transaction

        from hub.registry.models import ModuleVector, SampleVector, Sketch
        from hub.registry.services import rank_modules

        with transaction.atomic():
            if not sketches:
                Sketch.objects.all().delete()
            if not vectors:
                ModuleVector.objects.all().delete()
                SampleVector.objects.all().delete()
            ranked = rank_modules(self.base_model, AnonymousUser(), examples, most=CANDIDATES)
            found = [int(candidate.revision.module.name.removeprefix("m")) for candidate in ranked]
            transaction.set_rollback(True)
        return found

    def same(self, function: str, other: str) -> bool:
        return function == other or are_same(self.sketch_of[function], self.sketch_of[other])

    def remove(self) -> None:
        from hub.accounts.models import Namespace, User
        from hub.registry.models import BaseModel, Module

        Module.objects.update(head=None)
        Module.objects.all().delete()
        BaseModel.objects.all().delete()
        Namespace.objects.all().delete()
        User.objects.all().delete()


class Known:
    """A composer.select.Probe of losses that are known already, [candidates, rows]; it counts forwards of one example."""

    def __init__(self, losses: Array) -> None:
        self.table, self.count, self.forwards = losses, len(losses), 0

    def losses(self, indices: Sequence[int], rows: Sequence[int]) -> Array:
        self.forwards += len(indices) * len(rows)
        found: Array = self.table[list(indices)][:, list(rows)]
        return found


def judged(
    hub: Hub, found: Sequence[int], setting: Setting, losses: dict[str, Any], rows: Sequence[int]
) -> dict[str, Any]:
    """One run: what the selection keeps of the candidates found, against the oracle."""
    functions = [hub.entries[number].function for number in found]
    probe = Known(np.array([[losses[name]["pool"][i] for i in rows] for name in functions]))
    select: Callable[..., Selection] = select_modules if setting.halving else first_tried
    selection = select(probe, list(range(len(rows))), most=KEPT, budget=setting.budget)
    if probe.forwards > setting.budget * len(rows):
        raise SystemExit(f"{label(setting)} tried more than its budget")
    held_out = {name: float(np.mean(row["held_out"])) for name, row in losses.items()}
    best = min(held_out, key=lambda name: held_out[name])
    kept = {functions[i] for i in selection.kept}
    reached = min(held_out[name] for name in kept)
    return {
        "setting": label(setting),
        "oracle": best,
        "candidates": len(found),
        "in_candidates": any(hub.same(name, best) for name in functions),
        "exact": best in kept,
        "good": any(hub.same(name, best) for name in kept),
        "near": reached <= held_out[best] + NEAR * max(1.0, held_out[best]),
        "oracle_loss": held_out[best],
        "reached_loss": reached,
        "random_loss": float(np.mean([of_random(held_out, hub.entries, seed) for seed in range(20)])),
        "evaluations": selection.evaluations,
    }


def first_tried(probe: Known, rows: Sequence[int], *, most: int, budget: int) -> Selection:
    """Without halving: the first `budget` candidates on all examples."""
    tried = list(range(min(budget, probe.count)))
    means = probe.losses(tried, rows).mean(axis=1)
    kept = sorted(int(i) for i in np.argsort(means, kind="stable")[:most])
    return Selection(kept, [*means.tolist(), *[np.nan] * (probe.count - len(tried))], len(tried))


def of_random(held_out: dict[str, float], entries: Sequence[Entry], seed: int) -> float:
    """The best held-out loss among 20 modules taken by chance: what selection is worth."""
    chosen = np.random.default_rng(seed).permutation(len(entries))[:KEPT]
    return min(held_out[entries[i].function] for i in chosen)


if __name__ == "__main__":
    try:
        main()
    finally:
        library_hub.stop_hub()
