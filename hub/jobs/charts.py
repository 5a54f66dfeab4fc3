"""The drawings of a job page as numbers for inline SVG: the curve, the arms, the weave. No colour, no text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.jobs.models import Generation
from hub.jobs.progress import Share

CURVE_WIDTH, CURVE_HEIGHT = 520, 180
LEFT, RIGHT, TOP, BOTTOM = 34, 8, 10, 22  # margins of the curve, for its labels
MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Best loss so far against combinations tried. points: each combination, (x, y); path: the best-so-far steps."""

    path: str
    points: list[tuple[float, float]]
    best: tuple[float, float]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = CURVE_WIDTH
    height: int = CURVE_HEIGHT
    left: int = LEFT
    right: int = CURVE_WIDTH - RIGHT
    floor: int = CURVE_HEIGHT - BOTTOM


def curve(generations: Sequence[Generation], budget: int) -> Curve | None:
    """None before the first combination. Losses far above the rest are drawn at the top edge."""
    tried = [math.inf if loss is None else loss for generation in generations for loss in generation.losses]
    finite = [loss for loss in tried if math.isfinite(loss)]
    if not finite:
        return None
    ordered = sorted(finite)
    low = ordered[0]
    high = max(ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))], low + 1e-3)
    high += 0.08 * (high - low)
    low -= 0.08 * (high - low)
    total = max(budget, len(tried))

    def x(count: float) -> float:
        return round(LEFT + (CURVE_WIDTH - LEFT - RIGHT) * count / total, 1)

    def y(loss: float) -> float:
        share = (min(loss, high) - low) / (high - low) if math.isfinite(loss) else 1.0
        return round(TOP + (CURVE_HEIGHT - TOP - BOTTOM) * (1 - share), 1)

    best = math.inf
    steps: list[str] = []
    points: list[tuple[float, float]] = []
    for number, loss in enumerate(tried, start=1):
        points.append((x(number), y(loss)))
        if loss < best:
            steps.append(f"M{x(number)} {y(loss)}" if not steps else f"H{x(number)}V{y(loss)}")
            best = loss
    steps.append(f"H{x(len(tried))}")
    every = max(1, len(points) // MOST_POINTS)
    return Curve(
        path="".join(steps),
        points=points[::every],
        best=(x(len(tried)), y(best)),
        x_ticks=[Tick(x(value), str(value)) for value in _round_steps(total)],
        y_ticks=[Tick(y(value), label) for value, label in _round_values(low, high)],
    )


def _round_steps(total: int) -> list[int]:
    step = max(1, total // 4)
    return [step * i for i in range(5) if step * i <= total]


def _round_values(low: float, high: float) -> list[tuple[float, str]]:
    """Two to five round values between low and high, with their labels."""
    rough = (high - low) / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    first = math.ceil(max(low, 0.0) / step)
    values = [step * i for i in range(first, first + 6) if step * i <= high]
    return [(value, f"{value:.{digits}f}") for value in values]


@dataclass(frozen=True, slots=True)
class ArmBar:
    """One arm as a dot with its interval; positions in percent of the chart's width."""

    arm: Mapping[str, Any]
    at: float | None
    low: float | None
    high: float | None

    @property
    def length(self) -> float:
        return (self.high or 0.0) - (self.low or 0.0)


def arm_bars(arms: Sequence[Mapping[str, Any]], metric: str) -> list[ArmBar]:
    """metric: "loss" (drawn from 0 to the largest) or "exact_match" (0 to 1)."""
    low, high = ("loss_low", "loss_high") if metric == "loss" else ("exact_low", "exact_high")
    largest = 1.0
    if metric == "loss":
        largest = (
            max((v for arm in arms for v in (arm.get(metric), arm.get(high)) if v is not None), default=1.0)
            or 1.0
        )

    def place(value: float | None) -> float | None:
        return None if value is None else round(1.5 + 97 * min(max(value / largest, 0.0), 1.0), 2)

    return [ArmBar(arm, place(arm.get(metric)), place(arm.get(low)), place(arm.get(high))) for arm in arms]


@dataclass(frozen=True, slots=True)
class ContributionBar:
    """What one module adds, as a dot with its interval on an axis that all share; zero: where nothing is added."""

    part: Mapping[str, Any]
    at: float
    low: float | None
    high: float | None
    zero: float


def contribution_bars(parts: Sequence[Mapping[str, Any]]) -> list[ContributionBar]:
    """Positions in percent of the chart's width, from the lowest end of an interval (or 0) to the highest."""
    ends = [0.0, *(part[key] for part in parts for key in ("gain", "low", "high") if part[key] is not None)]
    low, high = min(ends), max(ends)

    def place(value: float | None) -> float | None:
        return None if value is None else round(1.5 + 97 * (value - low) / ((high - low) or 1.0), 2)

    return [
        ContributionBar(
            part, place(part["gain"]) or 0.0, place(part["low"]), place(part["high"]), place(0.0) or 0.0
        )
        for part in parts
    ]


@dataclass(frozen=True, slots=True)
class Strand:
    """One thread of the weave, from its module on the left to the composition on the right."""

    share: Share
    path: str
    width: float
    y: float
    dashed: bool  # a negative weight takes away


@dataclass(frozen=True, slots=True)
class Weave:
    strands: list[Strand]
    width: int
    height: int


WEAVE_WIDTH, STRAND_GAP, MOST_STRANDS = 640, 22, 12


def weave(shares: Sequence[Share]) -> Weave | None:
    """The threads of the largest weights, as thick as their share, meeting in one; None if there are none."""
    shown = list(shares[:MOST_STRANDS])
    if not shown:
        return None
    height = max(STRAND_GAP * len(shown), 2 * STRAND_GAP)
    widths = [max(1.2, 11 * s.share) for s in shown]
    bundle = sum(widths) * 0.8
    at = height / 2 - bundle / 2
    strands = []
    for number, (share, width) in enumerate(zip(shown, widths, strict=True)):
        y = STRAND_GAP * (number + 0.5) + (height - STRAND_GAP * len(shown)) / 2
        end = at + width * 0.4
        at += width * 0.8
        start, turn, stop = (round(WEAVE_WIDTH * part) for part in (0.4, 0.45, 0.8))
        path = f"M0 {y:.1f}C{start} {y:.1f} {turn} {end:.1f} {stop} {end:.1f}H{WEAVE_WIDTH}"
        strands.append(Strand(share, path, round(width, 1), y, share.weight < 0))
    return Weave(strands, WEAVE_WIDTH, round(height))
