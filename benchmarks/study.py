"""Which search generalises: many unseen tasks x draws of five examples, judged on held-out rows.

    python -m benchmarks.study --base DIR --modules 'starter/*' --data DIR [--tasks a b ...] [--draws 5] [--rows 60]
        [--variants published probe ...] [--accuracy] [--out benchmarks/results/study]

DATA holds `<task>.jsonl` with rows {"input", "output", "split": "fewshot" | "test"}. Every run is one line of OUT.jsonl, and
runs that are there already are skipped, so the study can be stopped and continued. At the end OUT.json and OUT.md
compare each variant with `published`, paired over runs, with 95 % bootstrap intervals over runs.
"""

import argparse
import glob
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from composer.adapters import Adapter, load_adapter
from composer.base_model import BaseModel, load_base_model
from composer.decode import row_results
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.prompts import DEFAULT_TEMPLATE, EncodedRow, encode_examples
from composer.search import make_search
from composer.search.base import Search
from composer.search.probe import ProbeSearch

Array = NDArray[np.float64]
BUDGET, BOUND, PENALTY, EXAMPLES = 40, 1.5, 0.05, 5


def probe(**changes: Any) -> Callable[[int, int], Search]:
    return lambda count, seed: ProbeSearch(
        count=count, budget=BUDGET, seed=seed, bound=BOUND, penalty=PENALTY, **changes
    )


def plain(name: str) -> Callable[[int, int], Search]:
    return lambda count, seed: make_search(name, count=count, budget=BUDGET, seed=seed)


# name -> (method, search)
VARIANTS: dict[str, tuple[str, Callable[[int, int], Search]]] = {
    "published": ("factors", plain("cobyla")),
    "deltas from zero": ("deltas", plain("cobyla")),
    "probe": ("deltas", probe()),
    "probe, no pull": ("deltas", probe(pull=0.0)),
    "probe, pull 0.3": ("deltas", probe(pull=0.3)),
    "probe, pull 1": ("deltas", probe(pull=1.0)),
    "probe, keep 4": ("deltas", probe(keep=4)),
    "probe, keep 10": ("deltas", probe(keep=10)),
    "probe, radius 0.5": ("deltas", probe(radius=0.5)),
    "probe, factors": ("factors", probe()),
    "probe, cma": ("deltas", probe(inner="cma")),
}
FIXED = ("base", "best single", "uniform", "softmax of the probes")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--modules", required=True, help="glob of adapter folders")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", nargs="*", help="default: all in DATA")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--rows", type=int, default=60, help="held-out rows of each run")
    parser.add_argument("--variants", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--accuracy", action="store_true", help="also exact match: generates answers")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "study")
    options = parser.parse_args()
    base = load_base_model(options.base)
    adapters = [
        load_adapter(folder) for folder in sorted(glob.glob(options.modules)) if Path(folder).is_dir()
    ]
    tasks = options.tasks or sorted(path.stem for path in options.data.glob("*.jsonl"))
    record = options.out.with_suffix(".jsonl")
    record.parent.mkdir(parents=True, exist_ok=True)
    done = {(r["task"], r["draw"], r["variant"]) for r in read_record(record)}
    for draw in range(options.draws):
        for task in tasks:
            wanted = [v for v in (*FIXED, *options.variants) if (task, draw, v) not in done]
            if not wanted:
                continue
            run = Run(base, adapters, options.data / f"{task}.jsonl", draw, options.rows, options.accuracy)
            for variant in wanted:
                row = {
                    "task": task,
                    "draw": draw,
                    "variant": variant,
                    "modules": len(adapters),
                } | run.measure(variant)
                with record.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(
                    f"{task} {draw} {variant}: {row['few_shot']:.3f} {row['held_out']:.3f}", file=sys.stderr
                )
    summary = summarise(read_record(record))
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=2) + "\n")
    options.out.with_suffix(".md").write_text(table(summary))
    print(table(summary))


class Run:
    """One task and one draw of examples: all variants on the same rows."""

    def __init__(
        self, base: BaseModel, adapters: Sequence[Adapter], path: Path, draw: int, rows: int, accuracy: bool
    ) -> None:
        self.base, self.count, self.draw, self.accuracy = base, len(adapters), draw, accuracy
        data = [json.loads(line) for line in path.read_text().splitlines()]
        random = np.random.default_rng([draw, *path.stem.encode()])
        few = [Example(r["input"], r["output"]) for r in data if r["split"] == "fewshot"]
        test = [Example(r["input"], r["output"]) for r in data if r["split"] == "test"]
        self.held_out = [test[i] for i in random.permutation(len(test))[:rows]]
        self.few = self.encode([few[i] for i in random.permutation(len(few))[:EXAMPLES]])
        self.test = self.encode(self.held_out)
        self.evaluators = {m: Evaluator(base, adapters, method=m) for m in ("deltas", "factors")}
        self.probes = self.evaluators["deltas"].mean_losses(np.eye(self.count), self.few)
        self.probes_factors = self.evaluators["factors"].mean_losses(np.eye(self.count), self.few)

    def encode(self, examples: Sequence[Example]) -> list[EncodedRow]:
        return encode_examples(
            self.base.tokenizer, examples, DEFAULT_TEMPLATE, limit=self.base.context_length
        )

    def measure(self, variant: str) -> dict[str, Any]:
        began = time.process_time()
        method, weights = self.find(variant)
        seconds = time.process_time() - began
        evaluator = self.evaluators[method]
        result: dict[str, Any] = {
            "weights": weights.tolist(),
            "few_shot": float(evaluator.mean_losses(weights[None], self.few)[0]),
            "search_cpu_seconds": seconds,
        }
        if self.accuracy:
            done = row_results(evaluator, weights[None], self.held_out, DEFAULT_TEMPLATE)[0]
            return result | {"held_out": done.loss, "exact_match": done.exact_match}
        return result | {"held_out": float(evaluator.mean_losses(weights[None], self.test)[0])}

    def find(self, variant: str) -> tuple[str, Array]:
        """The method and the weights that a variant ends with."""
        fixed = {
            "base": np.zeros(self.count),
            "uniform": np.full(self.count, 1 / self.count),
            "best single": np.eye(self.count)[int(self.probes.argmin())],
        }
        if variant in fixed:
            return "deltas", fixed[variant]
        if variant == "softmax of the probes":
            search: Search = probe()(self.count, 0)
            search.ask()
            search.tell(np.append(0.0, self.probes))
            return "deltas", search.ask()[0]
        method, make = VARIANTS[variant]
        probes = self.probes if method == "deltas" else self.probes_factors
        search = make(self.count, self.draw)
        while len(asked := search.ask()):
            # Probes are computed once for all variants; they count in the budget all the same.
            single = (np.count_nonzero(asked, axis=1) == 1) & (asked.max(axis=1) == 1)
            losses = np.where(single, probes[asked.argmax(axis=1)], np.nan)
            if not single.all():
                losses[~single] = self.evaluators[method].mean_losses(asked[~single], self.few)
            search.tell(losses)
        search.close()
        return method, search.finalists(1)[0]


def read_record(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Per variant: means, and the paired relative difference of the held-out loss to `published` over common runs."""
    by_variant: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for row in rows:
        by_variant.setdefault(row["variant"], {})[row["task"], row["draw"]] = row
    reference = by_variant.get("published", {})
    variants = {}
    for name, runs in by_variant.items():
        held_out = np.array([r["held_out"] for r in runs.values()])
        entry: dict[str, Any] = {
            "runs": len(runs),
            "few_shot": float(np.mean([r["few_shot"] for r in runs.values()])),
            "held_out": float(held_out.mean()),
            "held_out_median": float(np.median(held_out)),
        }
        if all("exact_match" in r for r in runs.values()):
            entry["exact_match"] = float(np.mean([r["exact_match"] for r in runs.values()]))
        common = sorted(runs.keys() & reference.keys())
        if common and name != "published":
            mine = np.array([runs[k]["held_out"] for k in common])
            theirs = np.array([reference[k]["held_out"] for k in common])
            draws = np.random.default_rng(0).integers(len(common), size=(4000, len(common)))
            ratios = mine[draws].mean(axis=1) / theirs[draws].mean(axis=1) - 1
            entry["against_published"] = float(mine.mean() / theirs.mean() - 1)
            entry["interval"] = [float(x) for x in np.percentile(ratios, [2.5, 97.5])]
            entry["better_in"] = f"{int((mine < theirs).sum())} of {len(common)}"
        variants[name] = entry
    return {"budget": BUDGET, "examples": EXAMPLES, "variants": variants, "machine": describe_machine()}


def table(summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['examples']} examples, {summary['budget']} evaluations. Losses in nats per answer token.",
        "",
        "| search | runs | few-shot | held-out mean / median | exact match | against the published one |",
        "|---|---|---|---|---|---|",
    ]
    for name, v in sorted(summary["variants"].items(), key=lambda item: item[1]["held_out"]):
        against = ""
        if "interval" in v:
            low, high = v["interval"]
            against = f"{v['against_published']:+.0%} [{low:+.0%}, {high:+.0%}], better in {v['better_in']}"
        exact = f"{v['exact_match']:.0%}" if "exact_match" in v else ""
        lines.append(
            f"| {name} | {v['runs']} | {v['few_shot']:.2f} | {v['held_out']:.2f} / {v['held_out_median']:.2f} "
            f"| {exact} | {against} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
