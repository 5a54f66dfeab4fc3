"""What a search minimises, besides the price of large weights: the few-shot loss, or another figure of the answers.

loss             nats per answer token, the mean over the examples
exact_match      1 - exact match of the greedy answers; equal ones are told apart by their loss
option_accuracy  1 - the share of examples whose right option is the likeliest; equal ones by their loss
a callable       objective(results: RowResults, examples: Sequence[Example]) -> float, the lower the better. It is called
                 once per candidate, on the results of all examples; +inf vetoes a candidate
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from composer.decode import row_results
from composer.errors import ComposerError, SettingsError
from composer.evaluator import Evaluator
from composer.examples import Example
from composer.generate import RowResults
from composer.prompts import EncodedRow, PromptFormat

Array = NDArray[np.float64]
Objective = Callable[[RowResults, Sequence[Example]], float]


class Scorer:
    """Scores weights on the examples, by a named objective or by the caller's own.

    Raises SettingsError if the objective needs options and an example has none.
    """

    def __init__(
        self,
        objective: str | Objective,
        examples: Sequence[Example],
        rows: Sequence[EncodedRow],
        prompt: PromptFormat,
        *,
        max_new_tokens: int,
    ) -> None:
        self.is_loss = objective == "loss"
        if isinstance(objective, str):
            self.name, self._objective = objective, NAMED.get(objective)
        else:
            self.name, self._objective = getattr(objective, "__name__", "callable"), objective
        self.examples, self.rows, self.prompt, self.max_new_tokens = examples, rows, prompt, max_new_tokens
        if objective == "option_accuracy" and not all(example.options for example in examples):
            raise SettingsError(
                "the objective option_accuracy needs the options of every example", code="no_options"
            )

    def values(self, evaluator: Evaluator, weights: Array) -> Array:
        """What to minimise, [candidates]; +inf or NaN where the model overflows. weights: [candidates, n_modules]."""
        if self.is_loss:
            return evaluator.mean_losses(weights, self.rows)
        results = row_results(
            evaluator, weights, self.examples, self.prompt, max_new_tokens=self.max_new_tokens
        )
        return np.array([self._value(result) for result in results])

    def _value(self, results: RowResults) -> float:
        if not math.isfinite(results.loss):
            return math.inf
        assert self._objective is not None
        try:
            value = self._objective(results, self.examples)
        except ComposerError:
            raise  # SearchStopped among them
        except Exception as error:
            raise SettingsError(
                f"the objective {self.name} raised {type(error).__name__}: {error}", code="objective_failed"
            ) from error
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
            raise SettingsError(
                f"the objective {self.name} gave {value!r}, which is not a number", code="bad_objective"
            )
        if math.isnan(value):
            raise SettingsError(f"the objective {self.name} gave NaN", code="bad_objective")
        return float(value)


def wrong_answers(results: RowResults, examples: Sequence[Example]) -> float:
    """1 - exact match, and less than one answer's worth for the loss."""
    return 1 - results.exact_match + _tie(results)


def wrong_options(results: RowResults, examples: Sequence[Example]) -> float:
    """1 - option accuracy, and less than one answer's worth for the loss."""
    accuracy = results.option_accuracy
    assert accuracy is not None  # by Scorer
    return 1 - accuracy + _tie(results)


def _tie(results: RowResults) -> float:
    """The loss squeezed into [0, 1 / rows), so that it decides between equal counts only."""
    return results.loss / (1 + results.loss) / len(results.losses)


NAMED: dict[str, Objective] = {"exact_match": wrong_answers, "option_accuracy": wrong_options}
