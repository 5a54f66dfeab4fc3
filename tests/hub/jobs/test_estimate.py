"""The rule of thumb behind "takes about": more asked for, more time."""

from dataclasses import replace

from composer.examples import Example
from hub.jobs.estimate import after_search
from hub.jobs.preflight import ComposeRequest

ROWS = [Example(f"{i}", "yes") for i in range(60)]
REQUEST = ComposeRequest(base_model="m", modules="auto", examples=ROWS[:5], holdout=ROWS, compare="basic")


def test_what_is_asked_for_costs() -> None:
    basic = after_search(REQUEST)
    assert basic == 4 * 60 + 7 * 50
    full = after_search(replace(REQUEST, compare="full"))
    assert full == basic + 3 * 60 + 4 * 20 * 5
    assert after_search(replace(REQUEST, tune_steps=10)) == basic + 4 * 10 * (5 + 5 * 4)


def test_leave_one_out_runs_the_search_again() -> None:
    alone = after_search(replace(REQUEST, holdout=[]))
    assert alone == 4 * 5 + 7 * 5 + 20 * 5 + 5 * 4 * 20
    assert after_search(replace(REQUEST, holdout=[], examples=ROWS[:1])) == 4 + 7
