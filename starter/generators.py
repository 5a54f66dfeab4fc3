"""Tasks whose rows are made here, seeded: own work, CC0. train.py makes them on the fly; no row is stored.

They are simple parts of harder tasks: one swap instead of many, two adjectives, one gap in a day.
"""

import random
from collections.abc import Callable
from datetime import date, timedelta

from composer.examples import Example
from starter.words import ADJECTIVES, COLOURS, MONTHS, NAMES, OBJECTS, THINGS

Row = tuple[str, str]  # input, output
Generator = Callable[[random.Random], Row]

TRAIN_ROWS, VALID_ROWS = 600, 50
MAX_DRAWS = 20_000  # small tasks have fewer different rows than wanted


def generated_rows(name: str, *, seed: int = 0) -> dict[str, list[Example]]:
    """{"train": up to 600 rows, "valid": up to 50}; no input is in both, and none is in one twice.

    The same name and seed give the same rows everywhere. Raises KeyError if no task has this name.
    """
    make, generator = GENERATORS[name], random.Random(f"{name} {seed}")
    rows: dict[str, str] = {}
    for _ in range(MAX_DRAWS):
        rows.setdefault(*make(generator))
        if len(rows) == TRAIN_ROWS + VALID_ROWS:
            break
    examples = [Example(question, answer) for question, answer in rows.items()]
    valid = min(VALID_ROWS, len(examples) // 4)
    return {"train": examples[valid:], "valid": examples[:valid]}


def kind_of_thing(rng: random.Random) -> Row:
    kind = rng.choice(list(THINGS))
    return rng.choice(THINGS[kind]), kind


def sort_words(rng: random.Random) -> Row:
    words = rng.sample(OBJECTS + NAMES, rng.randint(2, 4))
    words = [word.lower() for word in words]
    return " ".join(words), " ".join(sorted(words))


def reverse_list(rng: random.Random) -> Row:
    words = rng.sample(OBJECTS, rng.randint(2, 5))
    return ", ".join(words), ", ".join(reversed(words))


def mirror_brackets(rng: random.Random) -> Row:
    pairs = [rng.choice(["()", "[]", "{}", "<>"]) for _ in range(rng.randint(1, 6))]
    opened, closed = " ".join(p[0] for p in pairs), " ".join(p[1] for p in reversed(pairs))
    return f"{opened} {rng.choice(OBJECTS)}", closed


def date_in_digits(rng: random.Random) -> Row:
    day = _day(rng)
    month = MONTHS[day.month - 1]
    form = rng.choice(["{m} {d}, {y}", "{s} {d}, {y}", "{d} {m} {y}"])
    return form.format(m=month, s=month[:3], d=day.day, y=day.year), _digits(day)


def day_after(rng: random.Random) -> Row:
    day, (days, word) = _day(rng), rng.choice([(1, "tomorrow"), (-1, "yesterday")])
    return f"Today is {_digits(day)}. What is the date {word}?", _digits(day + timedelta(days=days))


def free_hours(rng: random.Random) -> Row:
    first, second, third, fourth = sorted(rng.sample(range(6, 23), 4))
    name, (place, other) = (
        rng.choice(NAMES),
        rng.sample(["bank", "gym", "market", "office", "park", "school"], 2),
    )
    was = [
        f"from {_hour(first)} to {_hour(second)} at the {place}",
        f"from {_hour(third)} to {_hour(fourth)} at the {other}",
    ]
    rng.shuffle(was)
    return f"{name} was {was[0]} and {was[1]}. When was {name} free in between?", (
        f"{_hour(second)} to {_hour(third)}"
    )


def one_swap(rng: random.Random) -> Row:
    names, things = rng.sample(NAMES, 3), rng.sample(OBJECTS, 3)
    first, second = rng.sample(range(3), 2)
    has = ", ".join(f"{n} has the {t}" for n, t in zip(names, things, strict=True))
    things[first], things[second] = things[second], things[first]
    asked = rng.randrange(3)
    return (
        f"{has}. {names[first]} and {names[second]} swap. What does {names[asked]} have?",
        f"the {things[asked]}",
    )


def colour_of_object(rng: random.Random) -> Row:
    things = rng.sample(OBJECTS, rng.randint(2, 5))
    colours = rng.sample(COLOURS, len(things))
    asked = rng.randrange(len(things))
    shown = ", ".join(f"{_a(c)} {t}" for c, t in zip(colours, things, strict=True))
    return f"{shown}. What colour is the {things[asked]}?", colours[asked]


def adjective_order(rng: random.Random) -> Row:
    kinds = sorted(rng.sample(range(len(ADJECTIVES)), 2))
    words = [rng.choice(list(ADJECTIVES.values())[kind]) for kind in kinds]
    thing = rng.choice(OBJECTS)
    return f"{thing}: {', '.join(rng.sample(words, 2))}", f"{words[0]} {words[1]} {thing}"


def last_item(rng: random.Random) -> Row:
    words = rng.sample(OBJECTS + NAMES, rng.randint(3, 6))
    return ", ".join(words), words[-1]


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def _day(rng: random.Random) -> date:
    return date(1950, 1, 1) + timedelta(days=rng.randrange(36_500))


def _digits(day: date) -> str:
    return day.strftime("%m/%d/%Y")


def _hour(hour: int) -> str:
    return f"{(hour - 1) % 12 + 1}{'am' if hour < 12 else 'pm'}"


GENERATORS: dict[str, Generator] = {
    make.__name__: make
    for make in (
        kind_of_thing,
        sort_words,
        reverse_list,
        mirror_brackets,
        date_in_digits,
        day_after,
        free_hours,
        one_swap,
        colour_of_object,
        adjective_order,
        last_item,
    )
}
