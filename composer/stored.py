"""The composition as it will be stored: compressed, rounded, and no worse than the exact one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from composer.adapter_config import MAX_RANK
from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.evaluator import Evaluator
from composer.methods import compress
from composer.prompts import EncodedRow

STORED = torch.float16  # how the result will be written; it is measured as it will be read back
RANK_COST = 0.01  # what compression may cost before the rank is doubled: nats, or this share of the loss if that is more


@dataclass(frozen=True, slots=True)
class Stored:
    """adapter: what will be read back; error: relative, of the compression; loss: of the adapter on the rows, nats."""

    adapter: Adapter
    error: float
    loss: float


def to_store(
    base: BaseModel,
    exact: Adapter,
    rows: Sequence[EncodedRow],
    *,
    rank: int,
    loss: float,
    pulse: Callable[[], None] = lambda: None,
) -> Stored:
    """The adapter compressed to the wanted rank or, where that costs loss, a higher one.

    loss: of `exact` on the rows, nats per answer token, to be kept within RANK_COST.
    """
    while True:
        small, error = compress(exact, rank)
        small = small.rounded(STORED)
        alone = Evaluator(base, [small], dtype=torch.float32, pulse=pulse)
        small_loss = float(alone.mean_losses(np.ones((1, 1)), rows)[0])
        if rank >= min(exact.rank, MAX_RANK) or not small_loss > loss + RANK_COST * max(1.0, loss):
            return Stored(small, error, small_loss)
        rank = min(2 * rank, MAX_RANK)  # a hub takes no adapter of a higher one
