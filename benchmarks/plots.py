"""The figures of docs/composer.md, drawn from benchmarks/results/*.json.

    python -m benchmarks.plots [--results benchmarks/results] [--out docs/images]

Plain SVG, written by hand: no plotting library, the same bytes everywhere. A file of results that is not there is skipped.
Each figure brings its background, light or dark as the reader's system is.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 760, 250, 170, 62, 26, 40
PUBLISHED = "published"
FAR = 0.6  # a loss so much above the published one would squeeze all others: told in words

STYLE = """
  svg { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
  .quiet { font-size: 12px } .title { font-size: 15px; font-weight: 600 }
  .paper { fill: #ffffff } text { fill: #1f2430 } .quiet { fill: #5c6473 }
  .grid { stroke: #d9dde5 } .zero { stroke: #5c6473 } .mark { fill: #2b5fb3 } .range { stroke: #2b5fb3; stroke-width: 2 }
  .other .mark { fill: #9a6a1e } .other .range { stroke: #9a6a1e }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #14181f } text { fill: #e4e7ee } .quiet { fill: #a3abba }
    .grid { stroke: #2d3440 } .zero { stroke: #a3abba } .mark { fill: #7fb0ff } .range { stroke: #7fb0ff }
    .other .mark { fill: #e2ad5a } .other .range { stroke: #e2ad5a }
  }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a figure. interval: its 95 % limits. other: drawn in the second colour (the published way)."""

    label: str
    value: float
    note: str = ""
    interval: tuple[float, float] | None = None
    other: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "images")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures(options.results).items():
        (options.out / f"{name}.svg").write_text(figure, encoding="utf-8")
        print(options.out / f"{name}.svg")


def figures(results: Path) -> dict[str, str]:
    """{name: SVG} for every file of results that is there."""
    return {
        name: draw(json.loads((results / file).read_text()))
        for name, (file, draw) in FIGURES.items()
        if (results / file).is_file()
    }


def study(summary: dict[str, Any]) -> str:
    """Held-out loss of every way to find weights, relative to the published search, in percent."""
    rows, far = [], []
    for name, v in sorted(summary["variants"].items(), key=lambda item: item[1]["held_out"]):
        change = v.get("against_published", 0.0)
        if name != PUBLISHED and "interval" not in v:
            continue
        if change > FAR:
            far.append(f"{name} {v['held_out']:.2f}")
            continue
        note = f"{v['held_out']:.2f}"
        if "better_in" in v:
            note += "   better in {} of {}".format(*v["better_in"])
        rows.append(Row(name, 100 * change, note, _percent(v.get("interval")), name == PUBLISHED))
    return chart(
        "Held-out loss against the published search",
        f"{_study_setting(summary)}; left is better. Right: nats per answer token",
        rows,
        tick=lambda value: f"{value:+.0f} %" if value else "0",
        foot=f"Too far right to be drawn: {', '.join(far)}" if far else "",
    )


def accuracy(summary: dict[str, Any]) -> str:
    """Exact match on held-out rows, in points above the published search."""
    rows = [
        Row(
            name,
            100 * v.get("exact_gain", 0.0),
            f"{v['exact_match']:.1%}",
            _percent(v.get("exact_interval")),
            name == PUBLISHED,
        )
        for name, v in sorted(summary["variants"].items(), key=lambda item: -item[1].get("exact_match", 0))
        if "exact_gain" in v or (name == PUBLISHED and "exact_match" in v)
    ]
    return chart(
        "Held-out exact match against the published search, in points",
        f"{_study_setting(summary)}; right is better",
        rows,
        tick=lambda value: f"{value:+.0f}" if value else "0",
    )


def _study_setting(summary: dict[str, Any]) -> str:
    return f"mean over runs, 95 % interval; {summary['examples']} examples, {summary['budget']} evaluations"


def _percent(interval: Sequence[float] | None) -> tuple[float, float] | None:
    return (100 * interval[0], 100 * interval[1]) if interval else None


def evaluator(timings: dict[str, Any]) -> str:
    """Milliseconds per evaluation, the reference's way and ours."""
    setting, machine = timings["setting"], timings["machine"]
    rows = [
        Row(
            key.removesuffix("_ms").replace("_", " "),
            value,
            f"{value:,.0f} ms",
            other=key.startswith("reference"),
        )
        for key, value in timings.items()
        if key.endswith("_ms") and isinstance(value, int | float)
    ]
    return chart(
        "Time per evaluation",
        f"{setting['modules']} modules of rank {setting['rank']}, {setting['rows']} examples of {setting['tokens']} tokens "
        f"in all; {machine['processor']}, {machine['threads']} thread{'s' * (machine['threads'] != 1)}",
        rows,
        bars=True,
        tick=lambda value: f"{value:,.0f} ms",
    )


def selection(result: dict[str, Any]) -> str:
    """How often the best module of the library reaches the search."""
    shown = max(figure["mislabelled"] for figure in result["figures"])  # the harder library
    rows = [
        Row(
            f"{figure['arm']}, {figure['budget']} evaluations",
            100 * figure["good"]["share"],
            f"{figure['good']['share']:.0%} of {figure['runs']} runs",
            _percent(figure["good"]["interval"]),
        )
        for figure in result["figures"]
        if figure["mislabelled"] == shown
    ]
    return chart(
        "Is the best single module among the 20 that are kept?",
        f"library of {result['library']:,}, {shown:.0%} mislabelled; {len(result['tasks'])} tasks x {result['draws']} draws; "
        "95 % interval over tasks",
        rows,
        limits=(0, 100),
        tick=lambda value: f"{value:.0f} %",
    )


# name -> (file of results, figure)
FIGURES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "study": ("study.json", study),
    "accuracy": ("study.json", accuracy),
    "evaluator": ("evaluator.json", evaluator),
    "selection": ("selection.json", selection),
}


def chart(
    title: str,
    subtitle: str,
    rows: Sequence[Row],
    *,
    tick: Callable[[float], str],
    bars: bool = False,
    limits: tuple[float, float] | None = None,
    foot: str = "",
) -> str:
    """One line per row on a common scale: bars from zero, or points with their intervals. limits: of the scale."""
    values = [0.0, *(value for row in rows for value in (row.value, *(row.interval or ())))]
    low, high = limits or (min(values), max(*values, 1e-9))  # nothing but zeros still has a scale
    step = _step(high - low)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    height = TOP + ROW * len(rows) + BOTTOM + (ROW if foot else 0)

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low), 1)

    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text class="quiet" x="16" y="45">{escape(subtitle)}</text>',
    ]
    bottom = TOP + ROW * len(rows)
    for number in range(round((high - low) / step) + 1):
        at = low + number * step
        line = "zero" if abs(at) < step / 2 else "grid"
        parts.append(f'<line class="{line}" x1="{x(at)}" x2="{x(at)}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(
            f'<text class="quiet" x="{x(at)}" y="{bottom + 18}" text-anchor="middle">{escape(tick(at))}</text>'
        )
    for number, row in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        parts.append('<g class="other">' if row.other else "<g>")
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>')
        if bars:
            parts.append(
                f'<rect class="mark" x="{x(0)}" y="{y - 8}" width="{round(x(row.value) - x(0), 1)}" height="16" rx="2"/>'
            )
        else:
            if row.interval:
                start, end = (x(limit) for limit in row.interval)
                parts.append(f'<line class="range" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>')
            parts.append(f'<circle class="mark" cx="{x(row.value)}" cy="{y}" r="4.5"/>')
        parts.append(
            f'<text class="quiet" x="{WIDTH - RIGHT + 14}" y="{y + 4}">{escape(row.note)}</text></g>'
        )
    parts.append(f'<text class="quiet" x="16" y="{bottom + 48}">{escape(foot)}</text>' if foot else "")
    return "\n".join([*filter(None, parts), "</svg>"]) + "\n"


def _step(span: float) -> float:
    """A round distance between grid lines: 1, 2 or 5 times a power of ten, for about five lines."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span / 5)


if __name__ == "__main__":
    main()
