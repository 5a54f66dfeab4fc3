"""Does a weight per module and group of layers generalise better than one per module, where the budget allows it?

    python -m benchmarks.layer_groups --base DIR --modules 'starter/*' --data DIR --tasks a b ... [--draws 2]
        [--budget 120] [--groups 3] [--out benchmarks/results/layer_groups]

All variants begin with a search of one weight per module. Half-way one goes on as it is; the other is the composer's own
search with parts (composer.search.grouped).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study import Run
from benchmarks.study_table import resample
from benchmarks.study_variants import BOUND, PENALTY
from benchmarks.tasks import load_adapters, task_names
from composer.base_model import adaptable_layers, load_base_model
from composer.evaluator import Evaluator
from composer.layer_groups import cut_by_depth
from composer.search import make_search


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
    tied = make_search("probe", count=run.count, budget=budget, seed=run.draw, bound=BOUND, penalty=PENALTY)
    half = None
    while len(asked := tied.ask()):
        tied.tell(run.losses("deltas", asked).mean(axis=1))
        if half is None and len(tied.losses) >= budget // 2:
            half = tied.finalists(1)
    tied.close()
    whole = tied.finalists(1)
    adapters, parts = cut_by_depth(run.adapters, adaptable_layers(run.base.model), groups)
    evaluator = Evaluator(run.base, adapters)
    found = {
        "one weight per module": run.evaluator("deltas").mean_losses(whole, run.test),
        "one weight per module, half the budget": run.evaluator("deltas").mean_losses(
            whole if half is None else half, run.test
        ),
    }
    search = make_search(
        "probe",
        count=run.count,
        budget=budget,
        seed=run.draw,
        bound=BOUND,
        penalty=PENALTY,
        parts=parts,
    )
    while len(asked := search.ask()):
        search.tell(evaluator.mean_losses(asked, run.few))
    search.close()
    found["a weight per layer group"] = evaluator.mean_losses(search.finalists(1), run.test)
    return {name: float(losses[0]) for name, losses in found.items()}


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
