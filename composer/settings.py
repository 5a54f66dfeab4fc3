"""What a caller may choose about a composition, checked. Torch-free."""

import math
from dataclasses import dataclass

from composer.errors import SettingsError
from composer.prompts import AUTO_TEMPLATE, DEFAULT_TEMPLATE, PromptFormat

METHODS = ("auto", "deltas", "factors", "faithful")
OPTIMIZERS = ("auto", "probe", "cma", "ngopt", "cobyla", "random")
ARMS = ("basic", "full")
OBJECTIVES = ("loss", "exact_match", "option_accuracy")
MOST_BUDGET = 2_000
# How far measuring goes; a site's estimate of a job counts by them too.
EXTRA_ROWS = (
    100  # held-out rows for the arms of "full": a bounded share of a job, and enough to tell 10 points apart
)
CONTRIBUTION_ROWS = 50  # rows for what each module adds
MOST_FOLDS = 5  # of leave-one-out
MOST_PAID = 40  # evaluations of one fold beyond its probes: a longer search is cut there
MOST_TUNE_STEPS = 500
MOST_MODULES = 100
MOST_GROUPS = 8
# A weight for each third of a module's layers pays from about this budget on (benchmarks/results/layer_groups.md).
GROUPS, GROUPED_BUDGET = 3, 100
GROUPED_OPTIMIZERS = ("auto", "probe", "cma")


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """budget: candidates evaluated by the search, never exceeded. bound: of each weight. penalty: on mean |w|.
    rank: of the result, raised where it would cost loss. max_modules: more than these are probed first and the best kept.
    template: of the prompts, or "auto": the modules' own recorded ones are tried (composer.prompt_choice). chat: in the
    form of the base model's chats, with `system` as the system's turn. objective: what the search minimises
    (composer.scores). method "faithful" is the published code itself, so only with its optimizer and the loss.
    arms: what the result is compared with: "basic" is the base model, the best single module and the uniform mean; "full"
    adds in-context learning, random modules and a LoRA tuned on the examples. tune_steps: at most so many steps of gradient
    tuning after the search, stopped early by cross-validation; 0: none. layer_groups: into how many groups by depth each
    module is cut for the second half of the search, with a weight for each; 0: as the budget allows (see `groups`).

    Raises SettingsError for a value out of its range.
    """

    method: str = "auto"
    optimizer: str = "auto"
    budget: int = 40
    seed: int = 0
    bound: float = 1.5
    penalty: float = 0.05
    rank: int = 16
    template: str = AUTO_TEMPLATE
    max_new_tokens: int = 32
    max_modules: int = 20
    arms: str = "full"
    tune_steps: int = 0
    layer_groups: int = 0
    chat: bool = False
    system: str = ""
    objective: str = "loss"

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
        _whole("layer_groups", self.layer_groups, 0, MOST_GROUPS)
        _one_of("objective", self.objective, OBJECTIVES)
        if type(self.chat) is not bool:
            raise SettingsError(f"chat must be true or false, not {self.chat!r}", code="bad_chat")
        self.prompt.check()
        if problem := faithful_problem(self.method, self.optimizer, self.objective, self.tune_steps):
            raise SettingsError(problem, code="not_faithful")
        if problem := layer_groups_problem(self.method, self.optimizer, self.layer_groups):
            raise SettingsError(problem, code="bad_layer_groups")

    @property
    def groups(self) -> int:
        """Groups of layers that get a weight of their own: as wished or, for 0, three where the search can use them."""
        if self.layer_groups:
            return self.layer_groups
        if self.budget < GROUPED_BUDGET or layer_groups_problem(self.method, self.optimizer, GROUPS):
            return 1
        return GROUPS

    @property
    def prompt(self) -> PromptFormat:
        """The format of the prompts; with template "auto" the one to fall back on."""
        template = DEFAULT_TEMPLATE if self.template == AUTO_TEMPLATE else self.template
        return PromptFormat(template, chat=self.chat, system=self.system)


def faithful_problem(method: str, optimizer: str, objective: str, tune_steps: int = 0) -> str:
    """Why the method "faithful" cannot be had with these; empty if it can, or is not asked for."""
    if method != "faithful":
        return ""
    if optimizer not in ("auto", "ngopt"):
        return f"the method faithful is the published search too: its optimizer is ngopt, not {optimizer}"
    if objective != "loss":
        return f"the method faithful minimises the published loss, not {objective}"
    if tune_steps:
        return "the method faithful is not tuned afterwards: set the tuning to 0 steps"
    return ""


def layer_groups_problem(method: str, optimizer: str, layer_groups: int) -> str:
    """Why weights per group of layers cannot be had with these; empty if they can, or are not asked for."""
    if layer_groups <= 1:
        return ""
    if method not in ("auto", "deltas"):
        return f"a weight per group of layers needs the method deltas, not {method}"
    if optimizer not in GROUPED_OPTIMIZERS:
        return f"a weight per group of layers needs the optimizer probe or cma, not {optimizer}"
    return ""


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
