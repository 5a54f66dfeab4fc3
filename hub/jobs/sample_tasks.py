"""Small tasks of our own to try the form with. They are not taken from any data set."""

from typing import Any

from hub.jobs.forms import rows_as_text

_PLURALS = [
    ("cat", "cats"), ("city", "cities"), ("leaf", "leaves"), ("child", "children"), ("box", "boxes"),
]  # fmt: skip
_PLURALS_HELD_OUT = [
    ("dog", "dogs"), ("baby", "babies"), ("wolf", "wolves"), ("mouse", "mice"), ("bus", "buses"),
    ("tree", "trees"), ("knife", "knives"), ("lady", "ladies"), ("dish", "dishes"), ("tooth", "teeth"),
    ("lamp", "lamps"), ("story", "stories"),
]  # fmt: skip
_OPPOSITES = [
    ("hot", "cold"), ("early", "late"), ("to buy", "to sell"), ("above", "below"), ("brave", "cowardly"),
]  # fmt: skip
_OPPOSITES_HELD_OUT = [
    ("big", "small"), ("open", "closed"), ("to win", "to lose"), ("inside", "outside"), ("rich", "poor"),
    ("young", "old"), ("to laugh", "to cry"), ("heavy", "light"), ("front", "back"), ("day", "night"),
    ("full", "empty"), ("strong", "weak"),
]  # fmt: skip

TASKS: dict[str, dict[str, Any]] = {
    "plurals": {
        "label": "plurals",
        "instruction": "Write the plural of the word.",
        "examples": _PLURALS,
        "holdout": _PLURALS_HELD_OUT,
    },
    "opposites": {
        "label": "opposites",
        "instruction": "Write the opposite of the word.",
        "examples": _OPPOSITES,
        "holdout": _OPPOSITES_HELD_OUT,
    },
}


def task(key: str) -> dict[str, Any]:
    """The form's initial values for one of TASKS; the first for an unknown key."""
    chosen = TASKS.get(key) or next(iter(TASKS.values()))
    return {
        "instruction": chosen["instruction"],
        "examples_text": _text(chosen["examples"]),
        "holdout_text": _text(chosen["holdout"]),
    }


def _text(pairs: list[tuple[str, str]]) -> str:
    return rows_as_text([{"input": before, "output": after} for before, after in pairs])
