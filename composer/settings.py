"""What a caller may choose about a composition, checked. Torch-free."""

import math
from dataclasses import dataclass

from composer.errors import SettingsError
from composer.prompts import DEFAULT_TEMPLATE, check_template

METHODS = ("auto", "deltas", "factors")
OPTIMIZERS = ("auto", "probe", "cma", "ngopt", "cobyla", "random")
ARMS = ("basic", "full")
MOST_BUDGET = 2_000
MOST_TUNE_STEPS = 500
MOST_MODULES = 100


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """budget: candidates evaluated by the search, never exceeded. bound: of each weight. penalty: on mean |w|.
    rank: of the result, raised where it would cost loss. max_modules: more than these are probed first and the best kept.
    arms: what the result is compared with: "basic" is the base model, the best single module and the uniform mean; "full"
    adds in-context learning, random modules and a LoRA tuned on the examples. tune_steps: at most so many steps of gradient
    tuning after the search, stopped early by cross-validation; 0: none.

    Raises SettingsError for a value out of its range.
    """

    method: str = "auto"
    optimizer: str = "auto"
    budget: int = 40
    seed: int = 0
    bound: float = 1.5
    penalty: float = 0.05
    rank: int = 16
    template: str = DEFAULT_TEMPLATE
    max_new_tokens: int = 32
    max_modules: int = 20
    arms: str = "full"
    tune_steps: int = 0

    def __post_init__(self) -> None:
        _one_of("method", self.method, METHODS)
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _whole("budget", self.budget, 1, MOST_BUDGET)
        _whole("seed", self.seed, 0, 2**63 - 1)
        _number("bound", self.bound, 0.01, 10)
        _number("penalty", self.penalty, 0, 10)
        _whole("rank", self.rank, 1, 512)
        _whole("max_new_tokens", self.max_new_tokens, 1, 512)
        _whole("max_modules", self.max_modules, 1, MOST_MODULES)
        _one_of("arms", self.arms, ARMS)
        _whole("tune_steps", self.tune_steps, 0, MOST_TUNE_STEPS)
        check_template(self.template)


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(
            f"the {name} must be one of {', '.join(allowed)}, not {value!r}", code=f"bad_{name}"
        )


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise SettingsError(
            f"the {name} must be a whole number from {low} to {high:,}, not {value!r}", code=f"bad_{name}"
        )


def _number(name: str, value: object, low: float, high: float) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise SettingsError(
            f"the {name} must be a number from {low:g} to {high:g}, not {value!r}", code=f"bad_{name}"
        )
