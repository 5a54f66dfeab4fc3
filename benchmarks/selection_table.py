"""What benchmarks.selection writes: shares over runs with their intervals, as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

SHARES = {
    "in_candidates": "oracle-best a candidate",
    "good": "**oracle-best in the 20**",
    "exact": "its very function",
    "near": "best of the 20 within 0.02 nats or 2 %",
}


def figures(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares over runs, each with its 95 % interval by a bootstrap over tasks."""
    tasks = sorted({r["task"] for r in runs})
    values: dict[str, Any] = {"runs": len(runs), "evaluations": max(r["evaluations"] for r in runs)}
    draws = np.random.default_rng(0).integers(len(tasks), size=(4000, len(tasks)))
    for key in SHARES:
        by_task = np.array([np.mean([r[key] for r in runs if r["task"] == task]) for task in tasks])
        low, high = np.percentile(by_task[draws].mean(axis=1), [2.5, 97.5])
        values[key] = {"share": float(by_task.mean()), "interval": [float(low), float(high)]}
    for key in ("oracle_loss", "reached_loss", "random_loss"):
        values[key] = float(np.mean([r[key] for r in runs]))
    return values


def table(summary: dict[str, Any]) -> str:
    lines = [
        f"A library of {summary['library']:,} modules made of {summary['modules']} real ones: "
        f"{summary['distinct_functions']} distinct functions ({', '.join(summary['kinds'])}), the rest rotated "
        f"copies of them, all saved anew. {len(summary['tasks'])} unseen tasks x {summary['draws']} draws of 5 examples; "
        f"the oracle's loss is that on {summary['held_out_rows']} held-out rows. At most {summary['candidates']} candidates, "
        f"{summary['kept']} kept. 95 % intervals: bootstrap over tasks.",
        "",
        f"| mislabelled | selection | budget | used | {' | '.join(SHARES.values())} "
        "| held-out loss: oracle / the 20 / 20 by chance |",
        f"|{'---|' * (5 + len(SHARES))}",
    ]
    for v in summary["figures"]:
        shares = (
            f"{v[k]['share']:.0%} [{v[k]['interval'][0]:.0%}, {v[k]['interval'][1]:.0%}]" for k in SHARES
        )
        lines.append(
            f"| {v['mislabelled']:.0%} | {v['arm']} | {v['budget']} | {v['evaluations']} | {' | '.join(shares)} | "
            f"{v['oracle_loss']:.2f} / {v['reached_loss']:.2f} / {v['random_loss']:.2f} |"
        )
    ms = summary["ranking_milliseconds"]
    lines += ["", f"Ranking took {ms['median']:.0f} ms (median; slowest {ms['slowest']:.0f} ms)."]
    note = f"\n{summary['note']}\n" if summary["note"] else ""
    return "\n".join(lines) + f"\n{note}\n`{summary['command']}`\n"
