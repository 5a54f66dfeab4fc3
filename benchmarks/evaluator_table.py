"""The figures of benchmarks/evaluator.py as Markdown."""

from typing import Any

GOALS = {
    "reference_fp32 / ours_bf16": ">= 8",
    "reference_bf16 / ours_bf16": ">= 3",
    "reference_fp32 / ours_fp32": ">= 2",
    "ours_bf16 / bare_packed_bf16": "<= 1.1",
    "ours_fp32 / bare_packed_fp32": "<= 1.1",
}


def table(figures: dict[str, Any]) -> str:
    setting, machine, columns = figures["setting"], figures["machine"], figures["columns"]
    names = list(columns)
    first = columns[names[0]]
    lines = [
        f"{setting['base']}, {setting['modules']} modules on q_proj and v_proj, {setting['rows']} examples "
        f"({setting['tokens']} tokens; {setting['tokens_padded']} padded; {setting['tokens_packed']} packed), "
        f"{setting['candidates_per_call']} candidates a call unless it says one.",
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load_1min']} at the end, "
        f"torch {machine['torch']}, medians of {setting['rounds']} rounds (lowest to highest); "
        "processor time on one thread, wall time on two.",
        "",
        "## Milliseconds per evaluation",
        "",
        f"| | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for key in first["ms"]:
        name = key.removesuffix("_ms")
        cells = []
        for column in columns.values():
            low, high = column["lowest_highest_ms"][name]
            cells.append(f"{column['ms'][key]:.0f} ({low:.0f}-{high:.0f})")
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    lines += ["", "## Ratios", "", f"| | goal | {' | '.join(names)} |", f"|---|---|{'---|' * len(names)}"]
    for name in first["ratios"]:
        cells = [str(column["ratios"][name]) for column in columns.values()]
        lines.append(f"| {name.replace('_', ' ')} | {GOALS.get(name, '')} | {' | '.join(cells)} |")
    lines += [*_floor(figures), *_sweep(figures), *_memory(figures)]
    return "\n".join(lines) + "\n"


def _floor(figures: dict[str, Any]) -> list[str]:
    floors = figures["floor_ms"]
    lines = [
        "",
        f"## Where it goes ({figures['setting']['candidates_per_call']} candidates, one thread, ms)",
        "",
    ]
    lines += [f"| | {' | '.join(floors)} |", f"|---|{'---|' * len(floors)}"]
    for part in next(iter(floors.values())):
        lines.append(f"| {part} | {' | '.join(str(f[part]) for f in floors.values())} |")
    sums = {name: sum(f.values()) for name, f in floors.items()}
    lines.append(f"| sum of these | {' | '.join(f'{s:.1f}' for s in sums.values())} |")
    wholes = {name: figures[f"ours_{name}_ms"] for name in floors}
    rest = [f"{wholes[name] - sums[name]:.1f}" for name in floors]
    lines.append(f"| calls, copies, caches: the rest | {' | '.join(rest)} |")
    lines.append(f"| **an evaluation** | {' | '.join(str(w) for w in wholes.values())} |")
    return lines


def _sweep(figures: dict[str, Any]) -> list[str]:
    sweep = figures["candidates_per_forward_ms"]
    counts = max((list(values) for values in sweep.values()), key=len)
    lines = ["", "## Candidates per forward (ms per evaluation)", ""]
    lines += [f"| | {' | '.join(counts)} |", f"|---|{'---|' * len(counts)}"]
    return lines + [
        f"| {name} | {' | '.join(str(values.get(n, '')) for n in counts)} |" for name, values in sweep.items()
    ]


def _memory(figures: dict[str, Any]) -> list[str]:
    if not figures["memory"]:
        return []
    lines = ["", "## Peak memory of a process (MB)", ""]
    lines += ["| | predicted | measured | measured / predicted |", "|---|---|---|---|"]
    for run in figures["memory"]:
        name = (
            f"{run['dtype']}, {run['modules']} modules of rank {run['rank']}, {5 * run['copies']} rows, "
            f"{run['candidates']} candidates, {run['tokens']} tokens a forward"
        )
        ratio = run["measured"] / run["predicted"]
        lines.append(f"| {name} | {run['predicted'] / 1e6:.0f} | {run['measured'] / 1e6:.0f} | {ratio:.2f} |")
    return lines
