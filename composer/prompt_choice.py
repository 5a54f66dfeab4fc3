"""Template "auto": which of the prompt formats that the modules record suits the examples best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.adapters import Adapter
from composer.alone import AdapterSource, Alone, loaded
from composer.base_model import BaseModel
from composer.errors import ComposerError
from composer.evaluator import Pulse
from composer.examples import Example
from composer.prompts import PromptFormat, encode_examples

FEW = 2  # examples that are read where there are more modules than a search takes


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """prompt: the chosen format. tried: {"template", "chat", "system", "loss"} of every format, the best first; loss is
    the lowest few-shot loss of a module alone, in nats per answer token. probes: the loss of each module alone on all
    examples under the chosen format, [n_modules], NaN where that was not computed. evaluations: of all examples, rounded
    up."""

    prompt: PromptFormat
    tried: list[dict[str, Any]]
    probes: NDArray[np.float64]
    evaluations: int


def choose_prompt(
    base: BaseModel,
    adapters: Sequence[Adapter | AdapterSource],
    examples: Sequence[Example],
    *,
    plain: PromptFormat,
    most: int,
    pulse: Pulse = lambda: None,
) -> PromptChoice:
    """The format under which some module alone has the lowest loss on the examples.

    A recorded format is tried with the modules that record it, `plain` with all modules: up to two evaluations a
    module. Of more modules than `most`, the first `most` stand for all, on the first examples only. A format that does
    not work with this base model (a chat without a chat template, a prompt longer than its context) is passed over. Of
    equal ones `plain` wins.
    """
    many = len(adapters) > most
    asked = range(min(most, len(adapters)))
    users: dict[PromptFormat, list[int]] = {plain: list(asked)}
    for index in asked:
        prompt = loaded(adapters[index]).prompt
        if prompt is not None and prompt != plain:
            users.setdefault(prompt, []).append(index)
    if len(users) == 1:
        return PromptChoice(plain, [], np.full(len(adapters), np.nan), 0)
    alone = Alone(base, adapters, pulse=pulse)
    few = examples[:FEW] if many else examples
    found: list[tuple[float, PromptFormat, NDArray[np.float64]]] = []
    forwards = 0
    for prompt, modules in users.items():
        try:
            rows = encode_examples(
                base.tokenizer, examples, prompt, seq2seq=base.is_seq2seq, limit=base.context_length
            )[: len(few)]
        except ComposerError:
            if prompt == plain:
                raise
            continue
        losses = alone.losses(modules, rows).mean(axis=1)
        forwards += len(modules) * len(rows)
        probes = np.full(len(adapters), np.nan)
        if not many:
            probes[modules] = losses
        found.append((_lowest(losses), prompt, probes))
    found.sort(key=lambda one: one[0])  # stable: plain was the first
    tried = [
        {"template": p.template, "chat": p.chat, "system": p.system, "loss": loss} for loss, p, _ in found
    ]
    return PromptChoice(found[0][1], tried, found[0][2], -(-forwards // len(examples)))


def _lowest(losses: NDArray[np.float64]) -> float:
    return float(np.where(np.isfinite(losses), losses, np.inf).min())
