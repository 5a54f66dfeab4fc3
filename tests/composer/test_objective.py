import numpy as np

from composer.objective import objective

CANDIDATES = np.array([[0.0, 0.0], [1.0, -1.0], [0.5, 0.0]])


def test_the_penalty_is_on_the_mean_absolute_weight_and_not_divided_by_the_examples() -> None:
    values = objective(np.array([2.0, 1.0, 1.0]), CANDIDATES, penalty=0.05)
    np.testing.assert_allclose(values, [2.0, 1.05, 1.0125])


def test_the_pull_grows_with_the_square_of_the_distance_from_the_start() -> None:
    values = objective(np.zeros(3), CANDIDATES, penalty=0.0, start=np.array([0.5, 0.0]), pull=0.1)
    np.testing.assert_allclose(values, [0.025, 0.125, 0.0])


def test_a_loss_that_is_not_finite_is_worse_than_any_other() -> None:
    values = objective(np.array([np.nan, np.inf, 9.0]), CANDIDATES, penalty=0.05)
    assert values.tolist()[:2] == [np.inf, np.inf]
    assert np.argmin(values) == 2
