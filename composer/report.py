"""The honest part of compose(): arms, contributions and the verdict, on rows that the search has not seen.

With held-out rows, everything is measured on them. Without, on the examples by leave-one-out: each is answered by what the
others led to, weights, best single module and trained rivals alike (composer.folds). A single example cannot be left out:
then the figures are those of the example itself, and the verdict says so. What is searched again minimises the loss,
whatever the objective was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.adapters import Adapter
from composer.arms import Arm, ArmSpec, make_arm
from composer.contributions import Contribution, contributions
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.folds import Fold, fold_weights, split
from composer.generate import RowResults
from composer.methods import combine, compress, mixing_of
from composer.prompts import EncodedRow
from composer.rivals import Makings, Measured, Rival, measure_rivals
from composer.search.parts import Parts
from composer.settings import ComposeSettings
from composer.stored import STORED
from composer.tuning import LEARNING_RATE, find_stop, tune
from composer.verdict import MeasuredOn, judge

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """What the search came to: weights [n_parts], the adapter as it will be stored, each module's own loss [n_modules]."""

    weights: Array
    adapter: Adapter
    alone: Array


@dataclass(frozen=True, slots=True)
class Tuning:
    """The tuning after the search. steps: at which it stopped (0: not tuning is best, and the plain composition is saved);
    curve: (steps, mean loss of the examples left out, nats); most: the steps that it was allowed."""

    steps: int
    most: int
    curve: list[tuple[int, float]]
    learning_rate: float

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("steps", "most", "curve", "learning_rate")} | {
            "saved": self.steps > 0
        }


@dataclass(frozen=True, slots=True)
class Report:
    """adapter: the one to save. saved: the key of its arm. validation_evaluations: paid beside the search's, in evaluations
    of all examples."""

    adapter: Adapter
    saved: str
    arms: list[Arm]
    contributions: list[Contribution]
    tuning: Tuning | None
    measured_on: MeasuredOn
    validation_evaluations: int
    verdict: dict[str, Any]


def report(
    makings: Makings,
    found: Found,
    examples: Sequence[Example],
    rows: Sequence[EncodedRow],
    *,
    holdout: Sequence[Example],
    held_out_rows: Sequence[EncodedRow],
    settings: ComposeSettings,
    optimizer: str,
    say: Callable[[str], None],
) -> Report:
    """Measure, and tune if the settings ask for it. rows, held_out_rows: the examples and the held-out rows, encoded."""
    # The published search is of all its candidates in their order: it is not run again on parts of the examples.
    published = makings.method == "faithful"
    folds = split(len(rows)) if (not holdout or settings.tune_steps) and not published else []
    own, starts = [found.weights] * len(folds), [found.adapter] * len(folds)
    alone = [found.alone] * len(folds)
    paid = 0
    if folds and not holdout:
        say(f"searching again without each of {len(folds)} parts of the examples")
        own, alone, paid = _leave_out(makings, rows, folds, settings, optimizer)
        starts = [_compressed(makings, w, found.adapter) for w in own]
    tuning, tuned, fold_steps = None, None, [0] * len(folds)
    if folds and settings.tune_steps:
        say("tuning the composition")
        stop = find_stop(makings.base, starts, rows, folds, most=settings.tune_steps, pulse=makings.pulse)
        tuning = Tuning(stop.steps, settings.tune_steps, stop.curve, LEARNING_RATE)
        fold_steps = stop.fold_steps
        tuned = tune(makings.base, found.adapter, rows, steps=stop.steps, pulse=makings.pulse).rounded(STORED)
    saved = "tuned" if tuning and tuning.steps else "composition"

    def lineup(
        train: Sequence[EncodedRow], alone: Array, weights: Array, start: Adapter, steps: int
    ) -> list[Rival]:
        made = makings.lineup(train, alone, weights, start)
        if tuning is not None and tuning.steps:
            again = (
                tuned if train is rows else tune(makings.base, start, train, steps=steps, pulse=makings.pulse)
            )
            details = {"steps": tuning.steps}
            made.append(
                Rival("tuned", "Composition, tuned further", weights.tolist(), again, details=details)
            )
        return made

    def measure(
        rivals: Sequence[Rival], asked: Sequence[EncodedRow], about: Sequence[Example]
    ) -> list[Measured]:
        return measure_rivals(
            makings.base,
            rivals,
            asked,
            about,
            max_new_tokens=settings.max_new_tokens,
            pulse=makings.pulse,
        )

    measured_on: MeasuredOn
    if holdout or not folds:
        measured_on = "held_out" if holdout else "examples"
        about, asked = (holdout, held_out_rows) if holdout else (examples, rows)
        say(f"comparing on {len(asked)} rows")
        arms = [
            _arm(m, about)
            for m in measure(lineup(rows, found.alone, found.weights, found.adapter, 0), asked, about)
        ]
        groups = [(found.weights, asked)]
    else:
        measured_on = "leave_one_out"
        say(f"comparing on the examples left out, {len(folds)} times")
        parts = []
        for fold, losses, weights, start, steps in zip(folds, alone, own, starts, fold_steps, strict=True):
            rivals = lineup([rows[i] for i in fold.train], losses, weights, start, steps)
            parts.append(measure(rivals, [rows[i] for i in fold.left], [examples[i] for i in fold.left]))
        arms = _joined(parts, folds, examples, found, makings)
        groups = [(w, [rows[i] for i in fold.left]) for w, fold in zip(own, folds, strict=True)]
    say("measuring what each module adds")
    return Report(
        adapter=tuned if saved == "tuned" and tuned is not None else found.adapter,
        saved=saved,
        arms=arms,
        contributions=[] if published else _contributions(makings, found.weights, groups),
        tuning=tuning,
        measured_on=measured_on,
        validation_evaluations=paid,
        verdict=judge(arms, measured_on=measured_on, mine=saved),
    )


def _leave_out(
    makings: Makings,
    rows: Sequence[EncodedRow],
    folds: Sequence[Fold],
    settings: ComposeSettings,
    optimizer: str,
) -> tuple[list[Array], list[Array], int]:
    """Each fold's weights, [n_parts], and each module's own loss on what it searched on, [n_modules]; evaluations paid.

    The probes are computed again per example: a search that was continued has only their means, and must end the same.
    """
    parts = makings.parts
    evaluator = _mixed(makings, makings.adapters)
    probes = evaluator.losses(parts.spread(np.eye(parts.count)), rows)
    weights, paid = fold_weights(evaluator.mean_losses, rows, settings, optimizer, probes, folds, parts)
    alone = [probes[:, fold.train].mean(axis=1) for fold in folds]
    return list(weights), alone, paid + parts.count


def _mixed(makings: Makings, adapters: Sequence[Adapter]) -> Evaluator:
    return Evaluator(makings.base, adapters, method=mixing_of(makings.method), pulse=makings.pulse)


def _compressed(makings: Makings, weights: Array, like: Adapter) -> Adapter:
    """The composition of these weights, treated as the result was."""
    used = np.flatnonzero(weights).tolist() or [0]
    exact = combine(makings.method, [makings.adapters[i] for i in used], list(weights[used]))
    return compress(exact, like.rank)[0].rounded(STORED)


def _contributions(
    makings: Makings, weights: Array, groups: Sequence[tuple[Array, Sequence[EncodedRow]]]
) -> list[Contribution]:
    if not np.any(weights):
        return []
    cut = makings.parts
    tried = cut.means(np.array([weights, *(w for w, _ in groups)]))
    modules = np.flatnonzero(tried.any(axis=0)).tolist()
    parts = [cut.of_module(module) for module in modules]
    used = [index for own in parts for index in own]
    names = [makings.adapters[own[0]].name for own in parts]
    small = Parts.of([[cut.group[index] for index in own] for own in parts], cut.groups)
    measured = contributions(
        _mixed(makings, [makings.adapters[index] for index in used]),
        names,
        weights[used],
        [(w[used], rows) for w, rows in groups],
        small,
    )
    return [replace(part, module=modules[part.module]) for part in measured]


def _arm(measured: Measured, examples: Sequence[Example]) -> Arm:
    rival = measured.rival
    spec = ArmSpec(rival.key, rival.label, np.empty(0), rival.weights, rival.details)
    rows = examples[: len(measured.tokens)]
    return make_arm(spec, measured.results, rows, tokens=float(np.mean(measured.tokens)))


def _joined(
    parts: Sequence[Sequence[Measured]],
    folds: Sequence[Fold],
    examples: Sequence[Example],
    found: Found,
    makings: Makings,
) -> list[Arm]:
    """The folds' rows as one arm each, in the order of the examples; what it names is what a user would get."""
    order = np.argsort([i for fold in folds for i in fold.left])
    whole = makings.named(found.alone, found.weights)
    arms = []
    for same in zip(*parts, strict=True):
        rival = same[0].rival
        label, weights = whole.get(rival.key, (rival.label, rival.weights))
        details = dict(rival.details)
        if "seconds" in details:
            details["seconds"] = sum(part.rival.details["seconds"] for part in same)
        tokens = [token for part in same for token in part.tokens]
        joined = Measured(
            replace(rival, label=label, weights=weights, details=details),
            _join([part.results for part in same], order.tolist()),
            [tokens[i] for i in order],
        )
        arms.append(_arm(joined, examples))
    return arms


def _join(results: Sequence[RowResults], order: Sequence[int]) -> RowResults:
    """The rows of all results, in this order of them."""
    values: dict[str, Any] = {}
    for name in (f.name for f in fields(RowResults)):
        lists = [getattr(result, name) for result in results]
        if any(part is None for part in lists):
            values[name] = None
            continue
        flat = [value for part in lists for value in part]
        values[name] = [flat[i] for i in order]
    return RowResults(**values)
