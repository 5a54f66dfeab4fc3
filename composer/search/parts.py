"""Weights of modules, and of the parts by depth that modules may be cut into."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parts:
    """Which part belongs to which of `count` modules (owner) and of `groups` of layers (group): both [n_parts].

    A module without layers in a group has no part there. With one group, the parts are the modules.
    """

    owner: tuple[int, ...]
    group: tuple[int, ...]
    count: int
    groups: int

    @staticmethod
    def of(parts: Sequence[Sequence[int]], groups: int) -> "Parts":
        """parts: of each module, the groups in which it has layers."""
        pairs = [(module, group) for module, present in enumerate(parts) for group in present]
        return Parts(tuple(m for m, _ in pairs), tuple(g for _, g in pairs), len(parts), groups)

    @staticmethod
    def uncut(count: int) -> "Parts":
        return Parts.of([[0]] * count, 1)

    def spread(self, weights: Array) -> Array:
        """Weights of modules, [..., count], as weights of their parts: [..., n_parts]."""
        return weights[..., list(self.owner)]

    def means(self, weights: Array) -> Array:
        """Weights of parts, [..., n_parts], as the mean of each module's: [..., count]."""
        if self.groups == 1:
            return weights
        means = np.zeros((*weights.shape[:-1], self.count))
        for module in range(self.count):
            own = weights[..., self.of_module(module)]
            first = own[..., :1]
            # Equal weights have that mean exactly, which the mean of three of them need not be.
            means[..., module] = first[..., 0] + (own - first).mean(axis=-1)
        return means

    def by_group(self, weights: Array) -> Array:
        """Weights of parts, [..., n_parts], by module and group: [..., count, groups]; zero where there is no part."""
        table = np.zeros((*weights.shape[:-1], self.count, self.groups))
        table[..., list(self.owner), list(self.group)] = weights
        return table

    def of_module(self, module: int) -> list[int]:
        """The indices of a module's parts."""
        return [index for index, owner in enumerate(self.owner) if owner == module]

    def alone(self, candidates: Array) -> NDArray[np.bool_]:
        """Which candidates, [population, n_parts], are one whole module by itself, at weight 1: [population]."""
        modules = self.means(candidates)
        single = (np.count_nonzero(modules, axis=1) == 1) & (modules.max(axis=1) == 1)
        return np.asarray(single & (self.spread(modules) == candidates).all(axis=1))
