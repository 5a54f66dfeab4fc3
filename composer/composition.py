"""What compose() tells while it runs, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from composer.adapters import Adapter
from composer.arms import Arm
from composer.checkpoint import Generation
from composer.contributions import Contribution
from composer.prompts import PromptFormat
from composer.recipe import make_recipe
from composer.report import Tuning
from composer.settings import ComposeSettings
from composer.verdict import MeasuredOn

Stage = Literal["select", "search", "write", "evaluate"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where compose() is. generation is set once for each generation that is done; between, it is None and the call
    only gives the caller a chance to stop (by raising SearchStopped) and to say that it is alive."""

    stage: Stage
    evaluations: int
    budget: int
    generation: Generation | None = None
    best_loss: float | None = None
    best_weights: list[float] | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Composition:
    """The result. Lists over modules follow the order of the adapters given.

    weights: of each module; where its groups of layers have weights of their own, their mean, and layer_weights has them all:
    [n_modules][groups], the lowest layers first (else None).

    loss, start_loss, loss_after_compression: nats per answer token on the examples: of the chosen weights, of the bare
    base model, and of the adapter as it will be stored. probes: each module's own loss, None where it was not computed.
    objective: what was minimised; with another than "loss", the probes and the generations hold its values.
    prompt: the format of all prompts; prompts_tried: what template "auto" tried, with losses (composer.prompt_choice).
    arms, contributions: measured on the held-out rows or, without any, by leave-one-out over the examples (measured_on).
    adapter: the composition or, if tuning it further answered the examples left out better, that (saved: the key of its
    arm). validation_evaluations: what leave-one-out cost. not_finite: candidates dropped.
    """

    names: list[str]
    weights: list[float]
    loss: float
    start_loss: float
    evaluations: int
    selection_evaluations: int
    seconds: float
    method: str
    optimizer: str
    generations: list[Generation]
    probes: list[float | None]
    adapter: Adapter
    compression_error: float
    loss_after_compression: float
    rank: int
    arms: list[Arm]
    contributions: list[Contribution]
    tuning: Tuning | None
    saved: str
    measured_on: MeasuredOn
    validation_evaluations: int
    verdict: dict[str, Any]
    not_finite: int
    base_model: str
    base_fingerprint: str
    arithmetic: str
    settings: ComposeSettings
    examples_sha256: str
    example_count: int
    objective: str = "loss"
    prompt: PromptFormat = field(default_factory=PromptFormat)
    prompts_tried: list[dict[str, Any]] = field(default_factory=list)
    layer_weights: list[list[float]] | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        return self.measured_on == "held_out"

    @property
    def samples(self) -> list[dict[str, Any]]:
        """A few answers of what is saved."""
        return next(arm for arm in self.arms if arm.key == self.saved).answers[:10]

    def recipe(self, modules: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
        return make_recipe(self, modules)
