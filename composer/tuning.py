"""Gradient tuning of an adapter's own factors on a few rows, and the number of steps at which to stop.

The factors are trained in hooks beside the frozen layers, so it works on any model that the evaluator works on, and the
model itself is never changed. compose() uses it twice: for a LoRA tuned from scratch, which a composition is compared with,
and to tune a composition further.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from composer.adapters import Adapter, Factors
from composer.base_model import BaseModel
from composer.folds import Fold
from composer.generate import batch_losses
from composer.prompts import EncodedRow

BATCH_ROWS = 8  # of one forward; a step adds up the gradients of all rows
LEARNING_RATE = 3e-4  # of a composition: small, it starts near its goal
FRESH_RANK, FRESH_SCALE, FRESH_RATE = (
    8,
    2.0,
    2e-3,
)  # of a LoRA from scratch, as the starter modules were trained
CHECKS = 10  # how often a tuning looks at the rows left out

Rate = Callable[[int], float]  # step, from 1 -> learning rate


class Tuner:
    """Trains the adapter's factors on the rows with Adam, all rows in every step.

    rate: the learning rate of each step. pulse: called before every forward; it may raise to stop. Each layer keeps its
    scale; A and B are trained in float32 and used in the model's precision.
    """

    def __init__(
        self,
        base: BaseModel,
        adapter: Adapter,
        rows: Sequence[EncodedRow],
        *,
        rate: Rate = lambda step: LEARNING_RATE,
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.base, self.source, self.rows, self.rate, self.pulse = base, adapter, list(rows), rate, pulse
        self._factors = {
            layer: Factors(_trainable(f.a, base), _trainable(f.b, base), f.scale)
            for layer, f in adapter.factors.items()
        }
        self._parameters = [tensor for f in self._factors.values() for tensor in (f.a, f.b)]
        self._adam = torch.optim.AdamW(self._parameters, lr=0.0, weight_decay=0.0)
        self.steps = 0

    @property
    def adapter(self) -> Adapter:
        """The adapter as it is now."""
        factors = {
            layer: Factors(f.a.detach().cpu().clone(), f.b.detach().cpu().clone(), f.scale)
            for layer, f in self._factors.items()
        }
        return replace(self.source, factors=factors)

    def step(self) -> None:
        """One step down the gradient of the mean loss over the rows, its norm clipped to 1."""
        self.steps += 1
        self._adam.param_groups[0]["lr"] = self.rate(self.steps)
        self._adam.zero_grad(set_to_none=True)
        with torch.enable_grad(), self._attached():
            for start in range(0, len(self.rows), BATCH_ROWS):
                self.pulse()
                part = self.rows[start : start + BATCH_ROWS]
                (batch_losses(self.base, part).sum() / len(self.rows)).backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._adam.step()

    @torch.no_grad()
    def losses(self, rows: Sequence[EncodedRow]) -> list[float]:
        """The loss of each row, nats per answer token."""
        found: list[float] = []
        with self._attached():
            for start in range(0, len(rows), BATCH_ROWS):
                self.pulse()
                found += batch_losses(self.base, rows[start : start + BATCH_ROWS]).tolist()
        return found

    @contextmanager
    def _attached(self) -> Iterator[None]:
        model: nn.Module = self.base.model
        handles = [
            model.get_submodule(layer).register_forward_hook(_hook(f)) for layer, f in self._factors.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@dataclass(frozen=True, slots=True)
class Stopping:
    """When a tuning should stop. curve: (steps, mean loss of the rows left out, nats), from step 0; fold_steps: for each fold
    the best number of steps by the other folds, so that a fold's own rows have no say in how it is measured."""

    steps: int
    curve: list[tuple[int, float]]
    fold_steps: list[int]


def tune(
    base: BaseModel,
    adapter: Adapter,
    rows: Sequence[EncodedRow],
    *,
    steps: int,
    pulse: Callable[[], None] = lambda: None,
) -> Adapter:
    """The adapter after so many steps on the rows. The rate is constant: stopping earlier is a prefix of a longer run."""
    tuner = Tuner(base, adapter, rows, pulse=pulse)
    for _ in range(steps):
        tuner.step()
    return tuner.adapter


def find_stop(
    base: BaseModel,
    starts: Sequence[Adapter],
    rows: Sequence[EncodedRow],
    folds: Sequence[Fold],
    *,
    most: int,
    pulse: Callable[[], None] = lambda: None,
) -> Stopping:
    """The number of steps, 0 to `most`, after which the rows left out are answered best, on average over all of them.

    starts: what each fold begins with. Each fold is tuned without its left-out rows and measured on them about ten times on
    the way; 0 steps, no tuning, is one of the choices, and the first of equal ones wins.
    """
    every = max(1, math.ceil(most / CHECKS))
    checks = [0, *range(every, most + 1, every)]
    left_out = np.empty((len(folds), len(checks)))
    for index, (fold, start) in enumerate(zip(folds, starts, strict=True)):
        tuner = Tuner(base, start, [rows[i] for i in fold.train], pulse=pulse)
        for check, steps in enumerate(checks):
            while tuner.steps < steps:
                tuner.step()
            losses = np.array(tuner.losses([rows[i] for i in fold.left]))
            left_out[index, check] = np.where(np.isfinite(losses), losses, np.inf).sum()
    total = left_out.sum(axis=0)
    others = [checks[int((total - left_out[k]).argmin())] if len(folds) > 1 else 0 for k in range(len(folds))]
    return Stopping(
        steps=checks[int(total.argmin())],
        curve=[(steps, float(value) / len(rows)) for steps, value in zip(checks, total, strict=True)],
        fold_steps=others,
    )


def train_fresh(
    base: BaseModel,
    layers: Mapping[str, tuple[int, int]],
    rows: Sequence[EncodedRow],
    *,
    steps: int,
    seed: int,
    pulse: Callable[[], None] = lambda: None,
) -> Adapter:
    """A LoRA trained from scratch on the rows, in these layers (name -> (d_out, d_in)), as the starter modules were.

    A is uniform in +-1/sqrt(d_in) and B zero (PEFT's initial values); the rate rises for a tenth of the steps and then falls
    to zero.
    """
    generator = torch.Generator().manual_seed(seed)
    factors = {}
    for layer, (d_out, d_in) in sorted(layers.items()):
        rank = min(FRESH_RANK, d_out, d_in)
        a = (2 * torch.rand(rank, d_in, generator=generator) - 1) / math.sqrt(d_in)
        factors[layer] = Factors(a, torch.zeros(d_out, rank), FRESH_SCALE)
    warmup = max(1, steps // 10)
    tuner = Tuner(
        base,
        Adapter(name="tuned", base_model=base.model_id, factors=factors),
        rows,
        rate=lambda step: FRESH_RATE * min(step / warmup, (steps - step + 1) / max(1, steps - warmup + 1)),
        pulse=pulse,
    )
    for _ in range(steps):
        tuner.step()
    return tuner.adapter


def _trainable(tensor: Tensor, base: BaseModel) -> Tensor:
    return tensor.detach().to(base.device, torch.float32, copy=True).requires_grad_(True)


def _hook(f: Factors) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
    def add(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        a, b = f.a.to(output.dtype), f.b.to(output.dtype)
        x = args[0]
        inner = nn.functional.embedding(x, a.T) if isinstance(module, nn.Embedding) else x @ a.T
        return output + f.scale * (inner @ b.T)

    return add
