"""The study's arithmetic: pairs of runs, intervals over tasks, and what a trajectory is read for."""

from typing import Any

import numpy as np
import pytest

from benchmarks.study_table import resample, summarise, table
from benchmarks.study_variants import SEARCHES, Trajectory, follow

TASKS, DRAWS = 8, 3


def line(variant: str, task: int, draw: int, held_out: float, **more: Any) -> dict[str, Any]:
    return {
        "task": f"task{task}",
        "draw": draw,
        "variant": variant,
        "modules": ["a", "b"],
        "evaluations": 40,
        "few_shot": 1.0,
        "held_out": held_out,
        "tokens": [1000, 1000] if variant == "published" else [500, 20],
    } | more


def record(ratio: float, noise: float = 0.0) -> list[dict[str, Any]]:
    """Ours at `ratio` of the published loss, which differs from task to task."""
    random = np.random.default_rng(0)
    rows = []
    for task in range(TASKS):
        for draw in range(DRAWS):
            theirs = 1 + task + random.random()
            ours = theirs * ratio + noise * random.normal()
            rows += [
                line("published", task, draw, theirs, exact_match=0.2),
                line("base", task, draw, 9.0, exact_match=0.0),
                line("probe", task, draw, ours, exact_match=0.5),
                line("probe, stopped at 25", task, draw, ours * 1.01, evaluations=25),
            ]
    return rows


def test_a_constant_ratio_has_an_interval_of_no_width() -> None:
    summary = summarise(record(0.8))
    probe = summary["variants"]["probe"]
    assert probe["against_published"] == pytest.approx(-0.2)
    assert probe["interval"] == pytest.approx([-0.2, -0.2])
    assert probe["better_in"] == [TASKS * DRAWS, TASKS * DRAWS]
    assert probe["exact_gain"] == pytest.approx(0.3)
    assert summary["no_harm"] == {
        "runs": TASKS * DRAWS,
        "exact_match_not_worse": 1.0,
        "loss_not_worse": 1.0,
    }
    assert "-20% [-20%, -20%]" in table(summary)


def test_noise_widens_the_interval_around_zero() -> None:
    low, high = summarise(record(1.0, noise=1.0))["variants"]["probe"]["interval"]
    assert low < 0 < high


def test_the_flops_to_the_published_loss_count_tokens_and_head() -> None:
    reached = summarise(record(0.8))["reached"]["probe"]
    body, head = 106.2e6, 28.3e6
    share = 25 * (500 * body + 20 * head) / (40 * 1000 * (body + head))
    assert reached["median_evaluations"] == 25
    assert reached["median_share_of_flops"] == pytest.approx(share)
    assert summarise(record(1.2))["reached"]["probe"]["never"] == TASKS * DRAWS


def test_tasks_are_resampled_before_their_draws() -> None:
    keys = [(f"task{t}", d) for t in range(TASKS) for d in range(DRAWS)]
    tasks = resample(keys) // DRAWS
    blocks = tasks.reshape(len(tasks), TASKS, DRAWS)
    assert (blocks == blocks[:, :, :1]).all()  # a task that is drawn brings a whole set of draws
    assert len(np.unique(blocks[0, :, 0])) < TASKS


def test_a_trajectory_gives_its_best_its_average_and_its_jackknife() -> None:
    path = Trajectory(
        candidates=np.array([[0.0], [1.0], [2.0]]),
        losses=np.array([[3.0, 3.0], [1.0, 2.0], [2.0, 0.5]]),
        objectives=np.array([3.0, 1.5, 1.25]),
    )
    assert path.best() == [2.0]
    assert path.best(2) == [1.0]
    assert path.averaged() == pytest.approx([1.0])
    # Without the first example the third iterate is best, without the second one the second.
    assert path.left_out() == pytest.approx([1.5])


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_of_the_study_ends_within_its_budget(name: str) -> None:
    best = np.linspace(0.5, 0, 20)
    path = follow(
        SEARCHES[name][1](20, 0), lambda w: np.square(w - best).sum(axis=1, keepdims=True) * [[1, 1.1]]
    )
    assert 20 < len(path.candidates) <= 40
    assert path.losses.shape == (len(path.candidates), 2)
    assert path.objectives.min() < path.objectives[0]
