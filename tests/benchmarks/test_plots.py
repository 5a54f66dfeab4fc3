"""The figures of docs/composer.md."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.plots import Row, accuracy, chart, figures, study

ROOT = Path(__file__).resolve().parents[2]
RESULTS, IMAGES = ROOT / "benchmarks" / "results", ROOT / "docs" / "images"
SVG = "{http://www.w3.org/2000/svg}"

VARIANTS = {
    "published": {"held_out": 1.2, "exact_match": 0.5},
    "better <one>": {
        "held_out": 0.9,
        "against_published": -0.25,
        "interval": [-0.5, 0.0],
        "better_in": [9, 10],
        "exact_match": 0.6,
        "exact_gain": 0.1,
        "exact_interval": [0.05, 0.15],
    },
    "base": {"held_out": 6.0, "against_published": 4.0, "interval": [3.5, 4.5], "better_in": [0, 10]},
}


def texts(figure: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(figure).iter(f"{SVG}text")]


def test_the_study_is_drawn_relative_to_the_published_search_the_best_first():
    figure = study({"variants": VARIANTS, "examples": 5, "budget": 40})
    shown = texts(figure)
    assert shown.index("better <one>") < shown.index("published")
    assert "base" not in shown  # it would leave no room for the others
    assert shown[-1] == "Too far right to be drawn: base 6.00"
    root = ElementTree.fromstring(figure)
    better, published = (float(dot.get("cx")) for dot in root.iter(f"{SVG}circle"))
    (interval,) = (line for line in root.iter(f"{SVG}line") if line.get("class") == "range")
    start, end = float(interval.get("x1")), float(interval.get("x2"))
    assert end == published  # the interval ends at no difference
    assert better == pytest.approx((start + end) / 2, abs=0.1)


def test_bars_are_as_long_as_their_values():
    figure = chart("t", "s", [Row("one", 10.0), Row("two", 20.0)], bars=True, tick=str)
    marks = [r for r in ElementTree.fromstring(figure).iter(f"{SVG}rect") if r.get("class") == "mark"]
    one, two = (float(mark.get("width")) for mark in marks)
    assert two == pytest.approx(2 * one, abs=0.1)


def test_results_that_are_not_there_are_skipped(tmp_path):
    assert figures(tmp_path) == {}
    (tmp_path / "study.json").write_text(json.dumps({"variants": VARIANTS, "examples": 5, "budget": 40}))
    assert list(figures(tmp_path)) == ["study", "accuracy"]


def test_accuracy_is_drawn_where_it_was_measured():
    shown = texts(accuracy({"variants": VARIANTS, "examples": 5, "budget": 40}))
    assert {"better <one>", "published", "60.0%"} <= set(shown)
    assert "base" not in shown


def test_the_docs_show_the_figures_as_the_results_are():
    docs = (ROOT / "docs" / "composer.md").read_text()
    for name, figure in figures(RESULTS).items():
        assert f"images/{name}.svg" in docs
        assert (IMAGES / f"{name}.svg").read_text() == figure, "run `make plots`"
