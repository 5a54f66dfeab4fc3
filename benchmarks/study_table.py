"""The study's summary: each variant against the published search, paired over runs, with 95 % bootstrap intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from benchmarks.study_variants import BUDGET, LIBRARY, LIBRARY_EARLY, LIBRARY_SINGLE

Array = NDArray[np.float64]
Runs = dict[tuple[str, int], dict[str, Any]]
REFERENCE = "published"
RESAMPLES = 4_000
BODY, HEAD = 106.2e6, 28.3e6  # parameters of SmolLM2-135M in its layers, and in its vocabulary head
# With how many evaluations ours stood where: every module alone and the uniform mean, then the start, then the trust region.
STOPS = {
    "probe": {
        "softmax of the probes": 22,
        "probe, stopped at 25": 25,
        "probe, stopped at 30": 30,
        "probe": 40,
    },
    LIBRARY: {LIBRARY_SINGLE: 20, LIBRARY_EARLY: 30, LIBRARY: 40},
}
HARM = 0.01  # exact match: a run that is worse than the base model by more


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Per variant: means over runs, and differences to the published search over the runs that both have.

    Intervals are of tasks and draws: tasks are drawn again, and of each its draws, since the draws of one task are alike.
    """
    by_variant: dict[str, Runs] = {}
    for row in rows:
        by_variant.setdefault(row["variant"], {})[row["task"], row["draw"]] = row
    reference = by_variant.get(REFERENCE, {})
    variants = {name: _entry(runs, reference) for name, runs in by_variant.items()}
    return {
        "budget": BUDGET,
        "examples": 5,
        "modules": len(rows[0]["modules"]) if rows else 0,
        "tasks": sorted({row["task"] for row in rows}),
        "draws": 1 + max((row["draw"] for row in rows), default=-1),
        "variants": variants,
        "reached": {name: _reached(by_variant, stops) for name, stops in STOPS.items()},
        "no_harm": _no_harm(by_variant),
        "machine": describe_machine(),
    }


def _entry(runs: Runs, reference: Runs) -> dict[str, Any]:
    held_out = _column(runs, "held_out", sorted(runs))
    entry: dict[str, Any] = {
        "runs": len(runs),
        "evaluations": int(np.max(_column(runs, "evaluations", sorted(runs)))),
        "few_shot": float(_column(runs, "few_shot", sorted(runs)).mean()),
        "held_out": float(held_out.mean()),
        "held_out_median": float(np.median(held_out)),
    }
    common = sorted(runs.keys() & reference.keys())
    if common and runs is not reference:
        mine, theirs = _column(runs, "held_out", common), _column(reference, "held_out", common)
        draws = resample(common)
        ratios = mine[draws].mean(axis=1) / theirs[draws].mean(axis=1) - 1
        entry["against_published"] = float(mine.mean() / theirs.mean() - 1)
        entry["interval"] = _interval(ratios)
        entry["better_in"] = [int((mine < theirs).sum()), len(common)]
    graded = sorted(k for k in runs if "exact_match" in runs[k])
    if graded:
        entry["exact_match"] = float(_column(runs, "exact_match", graded).mean())
    both = [k for k in graded if "exact_match" in reference.get(k, {})]
    if both and runs is not reference:
        gains = _column(runs, "exact_match", both) - _column(reference, "exact_match", both)
        entry["exact_gain"] = float(gains.mean())
        entry["exact_interval"] = _interval(gains[resample(both)].mean(axis=1))
    return entry


def resample(keys: Sequence[tuple[str, int]]) -> NDArray[np.int64]:
    """[RESAMPLES, n_runs]: indices into `keys` of runs drawn again, tasks first and then draws within them."""
    random = np.random.default_rng(0)
    by_task: dict[str, list[int]] = {}
    for index, (task, _) in enumerate(keys):
        by_task.setdefault(task, []).append(index)
    groups = list(by_task.values())
    most = max(map(len, groups))
    picks = []
    for _ in range(RESAMPLES):
        tasks = random.integers(len(groups), size=len(groups))
        picks.append([groups[t][d] for t in tasks for d in random.integers(len(groups[t]), size=most)])
    return np.array(picks)


def _reached(by_variant: dict[str, Runs], stops: dict[str, int]) -> dict[str, Any]:
    """With how many evaluations, and which share of the FLOPs, ours has reached the published search's final held-out loss.

    Infinite if it never is. A forward's FLOPs are 2 x parameters x tokens, attention left out (it is the same for both).
    """
    reference = by_variant.get(REFERENCE, {})
    known = [s for s in stops if s in by_variant]
    keys = sorted(set(reference).intersection(*(by_variant[s] for s in known)))
    if not keys or not known:
        return {}
    needed, shares = [], []
    for key in keys:
        target = reference[key]["held_out"]
        reached = [stops[s] for s in known if by_variant[s][key]["held_out"] <= target]
        needed.append(min(reached) if reached else np.inf)
        ours, theirs = _flops(by_variant[known[-1]][key]["tokens"]), _flops(reference[key]["tokens"])
        shares.append(needed[-1] * ours / (BUDGET * theirs))
    return {
        "runs": len(keys),
        "median_evaluations": float(np.median(needed)),
        "median_share_of_flops": float(np.median(shares)),
        "never": int(np.isinf(needed).sum()),
    }


def _no_harm(by_variant: dict[str, Runs]) -> dict[str, Any]:
    best = LIBRARY if LIBRARY in by_variant else "probe"
    base, ours = by_variant.get("base", {}), by_variant.get(best, {})
    keys = [
        k for k in sorted(base.keys() & ours.keys()) if "exact_match" in base[k] and "exact_match" in ours[k]
    ]
    if not keys:
        return {}
    exact = _column(ours, "exact_match", keys) - _column(base, "exact_match", keys)
    loss = _column(ours, "held_out", keys) - _column(base, "held_out", keys)
    return {
        "runs": len(keys),
        "exact_match_not_worse": float((exact >= -HARM).mean()),
        "loss_not_worse": float((loss <= 0).mean()),
    }


def _flops(tokens: Sequence[int]) -> float:
    return 2 * (BODY * tokens[0] + HEAD * tokens[1])


def _column(runs: Runs, name: str, keys: Sequence[tuple[str, int]]) -> Array:
    return np.array([runs[key][name] for key in keys], dtype=np.float64)


def _interval(values: Array) -> list[float]:
    return [float(x) for x in np.percentile(values, [2.5, 97.5])]


def table(summary: dict[str, Any]) -> str:
    machine, reached, harm = summary["machine"], summary["reached"], summary["no_harm"]
    lines = [
        f"{len(summary['tasks'])} unseen tasks x {summary['draws']} draws of {summary['examples']} examples and of "
        f"{summary['modules']} modules; {summary['budget']} evaluations.",
        "Losses in nats per answer token; intervals of 95 %, bootstrap over tasks and draws. "
        f"{machine['processor']}, torch {machine['torch']}.",
        "",
        "| weights | runs | few-shot | held-out mean / median | against the published search | better in "
        "| exact match | gain over the published |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, v in sorted(summary["variants"].items(), key=lambda item: item[1]["held_out"]):
        cells = [
            name,
            str(v["runs"]),
            f"{v['few_shot']:.2f}",
            f"{v['held_out']:.2f} / {v['held_out_median']:.2f}",
            f"{v['against_published']:+.0%} [{v['interval'][0]:+.0%}, {v['interval'][1]:+.0%}]"
            if "interval" in v
            else "",
            "{} of {}".format(*v["better_in"]) if "better_in" in v else "",
            f"{v['exact_match']:.1%}" if "exact_match" in v else "",
            f"{v['exact_gain']:+.1%} [{v['exact_interval'][0]:+.1%}, {v['exact_interval'][1]:+.1%}]"
            if "exact_gain" in v
            else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for name, found in reached.items():
        if found:
            lines += [
                "",
                f'The published search\'s held-out loss after {summary["budget"]} evaluations is reached by "{name}" after a '
                f"median of {found['median_evaluations']:.0f}, at {found['median_share_of_flops']:.0%} of its forward FLOPs "
                f"(never in {found['never']} of {found['runs']} runs).",
            ]
    if harm:
        lines += [
            "",
            f"No harm: in {harm['exact_match_not_worse']:.0%} of {harm['runs']} runs exact match is not more than "
            f"{HARM:.0%} below the base model's, in {harm['loss_not_worse']:.0%} the loss is not above it.",
        ]
    return "\n".join(lines) + "\n"
