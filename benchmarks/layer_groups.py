"""Does a weight per module and group of layers generalise better than one per module, where the budget allows it?

    python -m benchmarks.layer_groups --base DIR --modules 'starter/*' --data DIR --tasks a b ... [--draws 2]
        [--budget 120] [--groups 3] [--out benchmarks/results/layer_groups]

All variants begin with the same search of one weight per module. Half-way one goes on as it is; the others split each kept
module into its lower, middle and upper layers and go on from the best point with a weight for each part.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study import Run
from benchmarks.study_table import resample
from benchmarks.study_variants import BOUND, PENALTY, Array
from benchmarks.tasks import load_adapters, task_names
from composer.adapters import Adapter
from composer.base_model import load_base_model
from composer.evaluator import Evaluator
from composer.search.cma import Cma
from composer.search.cobyla import Cobyla
from composer.search.probe import ProbeSearch

PULL = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--modules", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", nargs="*")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--budget", type=int, default=120)
    parser.add_argument("--groups", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "layer_groups")
    options = parser.parse_args()
    base = load_base_model(options.base)
    library = load_adapters(options.modules)
    rows = []
    for draw in range(options.draws):
        for task in task_names(options.data, options.tasks):
            run = Run(base, library, options.data / f"{task}.jsonl", draw, options.rows)
            rows.append(
                {"task": task, "draw": draw, "held_out": measure(run, options.budget, options.groups)}
            )
            print(rows[-1], file=sys.stderr, flush=True)
    summary = summarise(rows) | {"budget": options.budget, "groups": options.groups, "rows": rows}
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(summary))
    print(table(summary))


def measure(run: Run, budget: int, groups: int) -> dict[str, float]:
    """The held-out loss of each variant."""
    tied = ProbeSearch(count=run.count, budget=budget, seed=run.draw, bound=BOUND, penalty=PENALTY)
    half = None
    while len(asked := tied.ask()):
        tied.tell(run.losses("deltas", asked).mean(axis=1))
        if half is None and len(tied.losses) >= budget // 2:
            half = tied.finalists(1)[0]
    tied.close()
    half = tied.finalists(1)[0] if half is None else half
    kept = np.flatnonzero(half)
    parts = [part for i in kept for part in split_by_depth(run.adapters[i], groups)]
    evaluator = Evaluator(run.base, parts)
    start = np.repeat(half[kept], groups)

    def value(point: Array) -> float:
        loss = float(evaluator.mean_losses(point[None], run.few)[0])
        return (
            loss
            + PENALTY * np.abs(point).sum() / groups / run.count
            + PULL * float(np.square(point - start).sum())
        )

    left = budget - budget // 2
    found = {"a weight per layer group, cobyla": by_cobyla(value, start, left)}
    found["a weight per layer group, cma"] = by_cma(value, start, left, run.draw)
    losses = {
        "one weight per module": float(run.evaluator("deltas").mean_losses(tied.finalists(1), run.test)[0]),
        "one weight per module, half the budget": float(
            run.evaluator("deltas").mean_losses(half[None], run.test)[0]
        ),
    }
    return losses | {name: float(evaluator.mean_losses(w[None], run.test)[0]) for name, w in found.items()}


def by_cobyla(value: Callable[[Array], float], start: Array, budget: int) -> Array:
    search = Cobyla(start, low=0.0, high=BOUND, radius=0.1, most=budget)
    tried: list[tuple[float, Array]] = []
    while len(tried) < budget and (point := search.ask()) is not None:
        tried.append((value(point), point))
        search.tell(tried[-1][0])
    search.close()
    return min(tried, key=lambda pair: pair[0])[1]


def by_cma(value: Callable[[Array], float], start: Array, budget: int, seed: int) -> Array:
    tried: list[tuple[float, Array]] = [(value(start), start)]
    search = Cma(
        start, low=0.0, high=BOUND, sigma=0.1, random=lambda: np.random.default_rng([seed, len(tried)])
    )
    while len(tried) + search.population <= budget:
        points = search.ask()
        values = np.array([value(point) for point in points])
        tried += list(zip(values.tolist(), points, strict=True))
        search.tell(values)
    return min(tried, key=lambda pair: pair[0])[1]


def split_by_depth(adapter: Adapter, groups: int) -> list[Adapter]:
    """The adapter as `groups` adapters of consecutive blocks each, whose sum it is."""
    blocks = {layer: int(re.findall(r"\.(\d+)\.", layer)[0]) for layer in adapter.factors}
    count = max(blocks.values()) + 1
    return [
        replace(
            adapter,
            name=f"{adapter.name} {group + 1}/{groups}",
            factors={k: f for k, f in adapter.factors.items() if blocks[k] * groups // count == group},
        )
        for group in range(groups)
    ]


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = list(rows[0]["held_out"])
    values = {name: np.array([row["held_out"][name] for row in rows]) for name in names}
    draws = resample([(row["task"], row["draw"]) for row in rows])
    tied = values[names[0]]
    return {
        "variants": {
            name: {
                "held_out": float(v.mean()),
                "against_one_weight": float(v.mean() / tied.mean() - 1),
                "interval": np.percentile(
                    v[draws].mean(axis=1) / tied[draws].mean(axis=1) - 1, [2.5, 97.5]
                ).tolist(),
                "better_in": [int((v < tied).sum()), len(rows)],
            }
            for name, v in values.items()
        }
    }


def table(summary: dict[str, Any]) -> str:
    lines = [
        f"Budget {summary['budget']}, {summary['groups']} groups of layers.",
        "",
        "| weights | held-out loss | against one weight per module | better in |",
        "|---|---|---|---|",
    ]
    for name, v in summary["variants"].items():
        low, high = v["interval"]
        lines.append(
            f"| {name} | {v['held_out']:.2f} | {v['against_one_weight']:+.1%} [{low:+.1%}, {high:+.1%}] | "
            f"{v['better_in'][0]} of {v['better_in'][1]} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
