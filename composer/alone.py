"""The losses of many adapters, each alone, without holding them all: in groups that are loaded, evaluated and let go."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from composer.adapters import Adapter
from composer.base_model import BaseModel
from composer.evaluator import Evaluator, Losses, Pulse
from composer.prompts import EncodedRow

GROUP = 20  # adapters whose factors stand side by side; more is no faster
GROUP_BYTES = 2**28  # of their factors in float32


@dataclass(frozen=True, slots=True)
class AdapterSource:
    """An adapter that is read when it is needed. load: may be called more than once, and gives the same each time."""

    name: str
    load: Callable[[], Adapter]


def loaded(source: Adapter | AdapterSource) -> Adapter:
    return source if isinstance(source, Adapter) else source.load()


class Alone:
    """Adapters on a base model, to be tried one by one. Memory is that of one group, however many there are.

    Raises AdapterError where an adapter is evaluated that cannot be read or does not fit the base model.
    """

    def __init__(
        self,
        base: BaseModel,
        adapters: Sequence[Adapter | AdapterSource],
        *,
        dtype: torch.dtype | None = None,
        pulse: Pulse = lambda: None,
    ) -> None:
        self.base, self.adapters, self.dtype, self.pulse = base, adapters, dtype, pulse
        self.count = len(adapters)

    def losses(self, indices: Sequence[int], rows: Sequence[EncodedRow]) -> Losses:
        """Mean cross-entropy of each of these adapters alone, weight 1, on each row, in nats: [len(indices), rows]."""
        parts = [np.empty((0, len(rows)))]
        for group in self._groups(indices):
            parts.append(self._group_losses(group, rows))
            del group  # before the next one is loaded
        return np.concatenate(parts)

    def _group_losses(self, group: list[Adapter], rows: Sequence[EncodedRow]) -> Losses:
        evaluator = Evaluator(self.base, group, dtype=self.dtype, pulse=self.pulse)
        return evaluator.losses(np.eye(len(group)), rows)

    def _groups(self, indices: Sequence[int]) -> Iterator[list[Adapter]]:
        group: list[Adapter] = []
        size = 0
        for index in indices:
            self.pulse()
            adapter = loaded(self.adapters[index])
            own = sum(4 * (f.a.numel() + f.b.numel()) for f in adapter.factors.values())
            if group and (len(group) == GROUP or size + own > GROUP_BYTES):
                yield group
                group, size = [], 0
            group.append(adapter)
            size += own
        if group:
            yield group
