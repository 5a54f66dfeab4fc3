"""Adapters cut by depth, so that a module's lower and upper layers may have weights of their own.

On our modules that generalises better than one weight per module once the budget is large (docs/composer.md).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from composer.adapters import Adapter
from composer.search.parts import Parts


def block_numbers(layers: Iterable[str]) -> dict[str, int]:
    """layer name -> the number of the block it is in. layers: the model's, in its own order.

    Outside the blocks, what comes before them (embeddings) counts to the first and what comes behind (the head) to the last.
    """
    numbers: dict[str, int | None] = {}
    for layer in layers:
        found = re.search(r"\.(\d+)\.", layer)
        numbers[layer] = int(found[1]) if found else None
    last = max((n for n in numbers.values() if n is not None), default=0)
    blocks, seen = {}, False
    for layer, number in numbers.items():
        seen = seen or number is not None
        blocks[layer] = number if number is not None else (last if seen else 0)
    return blocks


def cut_by_depth(
    adapters: Sequence[Adapter], layers: Iterable[str], groups: int
) -> tuple[list[Adapter], Parts]:
    """Each adapter as up to `groups` adapters of consecutive blocks, whose sum it is, and which part is whose.

    layers: the names of the base model's adaptable layers, in its own order. Of a model with fewer blocks than groups, each
    block is a group.
    """
    blocks = block_numbers(layers)
    depth = max(blocks.values(), default=0) + 1
    groups = min(groups, depth)
    if groups == 1:
        return list(adapters), Parts.uncut(len(adapters))
    cut: list[Adapter] = []
    present: list[list[int]] = []
    for adapter in adapters:
        own = {layer: blocks.get(layer, 0) * groups // depth for layer in adapter.factors}
        present.append(sorted(set(own.values())))
        for group in present[-1]:
            factors = {layer: f for layer, f in adapter.factors.items() if own[layer] == group}
            cut.append(replace(adapter, factors=factors))
    return cut, Parts.of(present, groups)
