"""The rows that starter modules are trained on where the project makes them itself."""

import json
import random
import subprocess
import sys
from collections import Counter

import pytest

from composer.examples import check_examples
from starter import generators
from starter.generators import GENERATORS, generated_rows
from tests.starter import STARTER

PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}
TASKS = [task for task in json.loads((STARTER / "tasks.json").read_text())["tasks"] if "generator" in task]


def test_every_generator_is_a_task_and_every_task_has_one():
    assert sorted(task["generator"] for task in TASKS) == sorted(GENERATORS)


@pytest.mark.parametrize("name", GENERATORS)
def test_rows_are_valid_and_no_valid_row_is_trained_on(name):
    rows = generated_rows(name)
    check_examples(rows["train"])
    check_examples(rows["valid"])
    inputs = [example.input for split in rows.values() for example in split]
    assert len(inputs) == len(set(inputs))
    assert len(rows["train"]) >= 150
    assert len(rows["valid"]) == 50
    assert all(text == text.strip() for e in rows["train"] for text in (e.input, e.output))


@pytest.mark.parametrize("name", GENERATORS)
def test_no_answer_is_right_for_most_rows(name):
    answers = Counter(example.output for example in generated_rows(name)["train"])
    assert max(answers.values()) < 0.6 * answers.total()


def test_the_same_seed_gives_the_same_rows_in_another_process():
    code = (
        "from starter.generators import *; print([generated_rows(n)['valid'][0].input for n in GENERATORS])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=STARTER.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str([generated_rows(name)["valid"][0].input for name in GENERATORS])
    assert generated_rows("sort_words", seed=1) != generated_rows("sort_words")


def test_answers_are_right():
    """Worked out again from the text of the question, in another way than the generator."""
    rng = random.Random(5)
    for _ in range(200):
        question, answer = generators.sort_words(rng)
        assert answer.split() == sorted(question.split())
        question, answer = generators.mirror_brackets(rng)
        opened = question.split()[:-1]
        assert [PAIRS[bracket] for bracket in reversed(answer.split())] == opened
        question, answer = generators.free_hours(rng)
        assert all(
            f"{edge} {hour}" in question
            for edge, hour in zip(("to", "from"), answer.split(" to "), strict=True)
        )
