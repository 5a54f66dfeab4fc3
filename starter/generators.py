"""Tasks whose rows are made here, seeded: own work, CC0. train.py makes them on the fly; no row is stored.

They are simple parts of harder tasks: one swap instead of many, two adjectives, three people, one gap in a day.
"""

import random
from collections.abc import Callable
from datetime import date, timedelta

from composer.examples import Example
from starter.words import ADJECTIVES, COLOURS, MONTHS, NAMES, NUMBERS, OBJECTS, THINGS

Row = tuple[str, str]  # input, output
Generator = Callable[[random.Random], Row]

TRAIN_ROWS, VALID_ROWS = 600, 50
MAX_DRAWS = 20_000  # small tasks have fewer different rows than wanted
LETTERS = "ABCDE"
ALL_THINGS = [word for words in THINGS.values() for word in words]


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


def tool_option(rng: random.Random) -> Row:
    others = [word for kind, words in THINGS.items() if kind != "tool" for word in words]
    texts = rng.sample(others, rng.randint(1, 4))
    right = rng.randint(0, len(texts))
    texts.insert(right, rng.choice(THINGS["tool"]))
    options = [f"({LETTERS[number]}) {text}" for number, text in enumerate(texts)]
    return "\n".join(["Which one is a tool?", "Options:", *options]), f"({LETTERS[right]})"


def kind_of_thing(rng: random.Random) -> Row:
    kind = rng.choice(list(THINGS))
    return rng.choice(THINGS[kind]), kind


def count_kind(rng: random.Random) -> Row:
    kind, other = rng.sample(list(THINGS), 2)
    words = rng.sample(THINGS[kind], rng.randint(0, 4)) + rng.sample(THINGS[other], rng.randint(1, 3))
    right = sum(word in THINGS[kind] for word in words)
    rng.shuffle(words)
    return f"{kind}: {', '.join(words)}", str(right)


def add_quantities(rng: random.Random) -> Row:
    amounts = [rng.randint(1, 5) for _ in range(rng.randint(2, 4))]
    things = rng.sample(OBJECTS, len(amounts))
    parts = [_a(t) if n == 1 else f"{NUMBERS[n]} {_plural(t)}" for n, t in zip(amounts, things, strict=True)]
    return ", ".join(parts[:-1]) + f" and {parts[-1]}", str(sum(amounts))


def count_items(rng: random.Random) -> Row:
    words = rng.sample(ALL_THINGS, rng.randint(1, 9))
    return ", ".join(words), str(len(words))


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


def end_of_three(rng: random.Random) -> Row:
    names = rng.sample(NAMES, 3)  # from the first to the last
    premises = []
    for front, back in ((0, 1), (1, 2)):
        forward = f"{names[front]} came before {names[back]}."
        premises.append(rng.choice([forward, f"{names[back]} came after {names[front]}."]))
    rng.shuffle(premises)
    word, answer = rng.choice([("first", names[0]), ("last", names[2])])
    return f"{' '.join(premises)} Who came {word}?", answer


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


def compare_numbers(rng: random.Random) -> Row:
    left, right, sign = rng.randint(0, 99), rng.randint(0, 99), rng.choice("<>")
    return f"{left} {sign} {right}", str(left < right if sign == "<" else left > right)


def two_comparisons(rng: random.Random) -> Row:
    parts, values = [], []
    for _ in range(2):
        left, right = rng.randint(0, 9), rng.randint(0, 9)
        parts.append(f"{left} < {right}")
        values.append(left < right)
    word = rng.choice(["and", "or"])
    return f"{parts[0]} {word} {parts[1]}", str(all(values) if word == "and" else any(values))


def even_or_odd(rng: random.Random) -> Row:
    number, word = rng.randint(1, 999), rng.choice(["even", "odd"])
    return f"Is {number} {word}?", "yes" if (number % 2 == 0) == (word == "even") else "no"


def two_operations(rng: random.Random) -> Row:
    first, second, third = (rng.randint(0, 9) for _ in range(3))
    signs = [rng.choice("+-") for _ in range(2)]
    result = first + (second if signs[0] == "+" else -second) + (third if signs[1] == "+" else -third)
    return f"{first} {signs[0]} {second} {signs[1]} {third} =", str(result)


def multiply_digits(rng: random.Random) -> Row:
    left, right = rng.randint(-9, 9), rng.randint(-9, 9)
    return f"{left} * {right} =", str(left * right)


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def _day(rng: random.Random) -> date:
    return date(1950, 1, 1) + timedelta(days=rng.randrange(36_500))


def _digits(day: date) -> str:
    return day.strftime("%m/%d/%Y")


def _hour(hour: int) -> str:
    return f"{(hour - 1) % 12 + 1}{'am' if hour < 12 else 'pm'}"


GENERATORS: dict[str, Generator] = {
    make.__name__: make
    for make in (
        tool_option,
        kind_of_thing,
        count_kind,
        add_quantities,
        count_items,
        sort_words,
        reverse_list,
        mirror_brackets,
        date_in_digits,
        day_after,
        free_hours,
        end_of_three,
        one_swap,
        colour_of_object,
        adjective_order,
        compare_numbers,
        two_comparisons,
        even_or_odd,
        two_operations,
        multiply_digits,
    )
}
