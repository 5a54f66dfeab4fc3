"""Which search generalises: many unseen tasks x draws of five examples, judged on held-out rows.

    python -m benchmarks.study --base DIR --modules 'starter/*' --data DIR [--tasks a b ...] [--draws 5] [--rows 24]
        [--variants published probe ...] [--accuracy base published ...] [--share I/N] [--out benchmarks/results/study]
    python -m benchmarks.study --table-only [--out ...]

DATA holds `<task>.jsonl` with rows {"input", "output", "split": "fewshot" | "test"}. In each run 20 modules are drawn from
the library, as LoraHub does, the same for all variants. Every variant of a run is one line of OUT.jsonl; lines that are
there already are not made again, so the study can be stopped, continued and shared among processes. At the end OUT.json
and OUT.md compare each variant with `published`, paired over runs (benchmarks.study_table).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study_table import summarise, table
from benchmarks.study_variants import (
    BOUND,
    BUDGET,
    FIXED,
    FROM_LIBRARY,
    KEPT,
    LIBRARY_EARLY,
    LIBRARY_SINGLE,
    PENALTY,
    RULES,
    SEARCHES,
    SELECTION,
    VARIANTS,
    Array,
    Trajectory,
    follow,
    probe,
)
from benchmarks.tasks import encode, load_adapters, read_record, read_task, task_names
from composer.adapters import Adapter
from composer.alone import Alone
from composer.base_model import BaseModel, load_base_model
from composer.batches import length_of, pack_rows
from composer.decode import row_results
from composer.evaluator import PACK_TOKENS, Evaluator
from composer.placebo import random_like
from composer.prompts import DEFAULT_TEMPLATE, EncodedRow
from composer.search.probe import ProbeSearch
from composer.select import select_modules

EXAMPLES, MODULES = 5, 20
TOGETHER = 4  # candidates of one forward


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path)
    parser.add_argument("--modules", help="glob of adapter folders")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--tasks", nargs="*", help="default: all in DATA")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--rows", type=int, default=24, help="held-out rows of each run")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument(
        "--accuracy",
        nargs="*",
        choices=VARIANTS,
        default=["base", "best single", "placebo", "published", "probe"],
    )
    parser.add_argument("--share", default="0/1", help="I/N: every N-th run from the I-th")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "study")
    parser.add_argument("--table-only", action="store_true")
    options = parser.parse_args()
    record = options.out.with_suffix(".jsonl")
    if not options.table_only:
        measure_all(options, record)
    summary = summarise(read_record(record))
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(summary))
    print(table(summary))


def measure_all(options: argparse.Namespace, record: Path) -> None:
    base = load_base_model(options.base)
    library = load_adapters(options.modules)
    tasks = task_names(options.data, options.tasks)
    share, shares = map(int, options.share.split("/"))
    record.parent.mkdir(parents=True, exist_ok=True)
    done = {(r["task"], r["draw"], r["variant"]) for r in read_record(record)}
    runs = [(task, draw) for draw in range(options.draws) for task in tasks]
    for task, draw in runs[share::shares]:
        wanted = [v for v in options.variants if (task, draw, v) not in done]
        if not wanted:
            continue
        began = time.perf_counter()
        run = Run(base, library, options.data / f"{task}.jsonl", draw, options.rows)
        rows = run.measure(wanted, options.accuracy)
        with record.open("a") as file:
            file.write("".join(json.dumps({"task": task, "draw": draw} | row) + "\n" for row in rows))
        shown = {r["variant"]: round(r["held_out"], 2) for r in rows}
        print(f"{task} {draw} {time.perf_counter() - began:.0f} s {shown}", file=sys.stderr, flush=True)


class Run:
    """One task, one draw of examples and of modules: all variants on the same rows."""

    def __init__(self, base: BaseModel, library: Sequence[Adapter], path: Path, draw: int, rows: int) -> None:
        self.base, self.draw = base, draw
        random = np.random.default_rng([draw, *path.stem.encode()])
        few, test = read_task(path)
        self.held_out = [test[i] for i in random.permutation(len(test))[:rows]]
        self.few = encode(base, [few[i] for i in random.permutation(len(few))[:EXAMPLES]])
        self.test = encode(base, self.held_out)
        self.adapters = [library[i] for i in random.permutation(len(library))[:MODULES]]
        self.count = len(self.adapters)
        # In the order of the draw, the 20 first: the search may not know which modules the others have.
        self.library = [library[i] for i in random.permutation(len(library))]
        self.made: dict[str, Evaluator] = {}
        self.known: dict[tuple[str, bytes], Array] = {}
        self.paths: dict[str, Trajectory] = {}

    def measure(self, variants: Sequence[str], accuracy: Sequence[str]) -> list[dict[str, Any]]:
        """One row of the record per variant. The held-out losses of all are computed in common batches."""
        found = {variant: self.find(variant) for variant in variants}
        lines = []
        for method in sorted({method for method, _, _ in found.values()}):
            evaluator = self.evaluator(method)
            names = [v for v in variants if found[v][0] == method]
            for start in range(0, len(names), TOGETHER):
                part = names[start : start + TOGETHER]
                weights = np.stack([found[v][1] for v in part])
                few, held_out = evaluator.losses(weights, self.few), evaluator.losses(weights, self.test)
                for i, variant in enumerate(part):
                    lines.append(
                        {
                            "variant": variant,
                            "modules": [
                                a.name for a in (self.library if method == "library" else self.adapters)
                            ],
                            "weights": weights[i].round(6).tolist(),
                            "evaluations": found[variant][2],
                            "few_shot": float(few[i].mean()),
                            "held_out": float(held_out[i].mean()),
                            "tokens": forward_tokens(self.few, padded=variant == "published"),
                        }
                    )
            graded = [line for line in lines if line["variant"] in names and line["variant"] in accuracy]
            if graded:
                weights = np.array([line["weights"] for line in graded])
                for line, done in zip(
                    graded, row_results(evaluator, weights, self.held_out, DEFAULT_TEMPLATE), strict=True
                ):
                    line["exact_match"] = done.exact_match
        return lines

    def find(self, variant: str) -> tuple[str, Array, int]:
        """The method, the weights that a variant ends with, and how many evaluations it took."""
        if variant in RULES:
            return "deltas", RULES[variant](self.path("probe")), self.path("probe").candidates.shape[0]
        if variant in FROM_LIBRARY:
            chosen, path = self.choose_and_search()
            if variant == LIBRARY_SINGLE:
                return "library", np.eye(len(self.library))[chosen], SELECTION
            # The probes of those kept were paid for by the selection.
            stop = KEPT + 30 - SELECTION if variant == LIBRARY_EARLY else len(path.candidates)
            return "library", path.best(stop), SELECTION + stop - KEPT
        if variant in SEARCHES:
            path = self.path(variant)
            return SEARCHES[variant][0], path.best(), len(path.candidates)
        if variant == "placebo":
            return "placebo", self.path("probe").best(), 0
        if variant in ("base", "uniform"):
            return "deltas", np.full(self.count, 0.0 if variant == "base" else 1 / self.count), 0
        alone = self.losses("deltas", np.eye(self.count)).mean(axis=1)
        if variant == "best single":
            return "deltas", np.eye(self.count)[int(alone.argmin())], self.count
        assert variant in FIXED
        search = probe()(self.count, 0)
        search.ask()
        search.tell(np.append(0.0, alone))
        return "deltas", search.ask()[0], self.count

    def evaluator(self, method: str) -> Evaluator:
        """Of "deltas" or "factors" of the modules drawn, of "deltas" of the whole "library", or of a "placebo"."""
        if method not in self.made:
            adapters = self.library if method == "library" else self.adapters
            if method == "placebo":
                adapters = random_like(adapters, seed=self.draw)
            self.made[method] = Evaluator(
                self.base, adapters, method="factors" if method == "factors" else "deltas"
            )
        return self.made[method]

    def choose_and_search(self) -> tuple[int, Trajectory]:
        """The best single module of the library by successive halving, and the search over the best ten, 40 evaluations in
        all; candidates are weights of the whole library."""
        if "library" not in self.paths:
            count = len(self.library)
            alone = Alone(self.base, self.library)
            selection = select_modules(alone, self.few, most=KEPT, budget=SELECTION)
            self.alone = np.array(selection.losses)
            kept = selection.kept
            search = ProbeSearch(
                count=len(kept), budget=BUDGET - SELECTION + len(kept), seed=0, bound=BOUND, penalty=PENALTY
            )

            def whole(candidates: Array) -> Array:
                wide = np.zeros((len(candidates), count))
                wide[:, kept] = candidates
                return wide

            path = follow(search, lambda asked: self.losses("library", whole(asked)))
            self.paths["library"] = Trajectory(whole(path.candidates), path.losses, path.objectives)
        return int(np.nanargmin(self.alone)), self.paths["library"]

    def path(self, name: str) -> Trajectory:
        if name not in self.paths:
            method, make = SEARCHES[name]
            self.paths[name] = follow(make(self.count, self.draw), lambda asked: self.losses(method, asked))
        return self.paths[name]

    def losses(self, method: str, candidates: Array) -> Array:
        """[population, examples]; what one variant has computed, another need not. It counts in its budget all the same."""
        keys = [(method, candidate.tobytes()) for candidate in candidates]
        new = [i for i, key in enumerate(keys) if key not in self.known]
        for start in range(0, len(new), TOGETHER):
            part = new[start : start + TOGETHER]
            for i, row in zip(part, self.evaluator(method).losses(candidates[part], self.few), strict=True):
                self.known[keys[i]] = row
        return np.stack([self.known[key] for key in keys])


def forward_tokens(rows: Sequence[EncodedRow], *, padded: bool) -> list[int]:
    """[tokens through the layers, tokens through the vocabulary head] of one evaluation: the published way pads all rows to
    the longest and computes all logits; ours packs them and computes those of the answers."""
    if padded:
        width = max(length_of(row) + 1 for row in rows)
        return [width * len(rows), width * len(rows)]
    packs = pack_rows(rows, most_tokens=PACK_TOKENS)
    return [sum(len(pack.ids) for pack in packs), sum(len(pack.picks) for pack in packs)]


if __name__ == "__main__":
    main()
