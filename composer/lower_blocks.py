"""The blocks of a model below its first adapted layer: all candidates have the same states there, computed once per pack.

Modules that adapt only upper layers are searched at the price of these layers. The model keeps its own code: a first pass
stops where the adapted blocks begin, and later ones let the tokens fall through the blocks below.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from torch import Tensor, nn


class _Reached(Exception):
    """The pass has come as far as it is needed; `states`: [rows, tokens, hidden]."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


class LowerBlocks:
    """The blocks of a model that stand one behind the other, found by the names of the adapted layers.

    adapted: of each adapter, the names of its layers.
    """

    def __init__(self, model: nn.Module, adapted: Sequence[Iterable[str]]) -> None:
        lists = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.ModuleList)]
        name, blocks = max(lists, key=lambda pair: len(pair[1]), default=("", []))
        self.name: str = name
        self.blocks: list[nn.Module] = list(blocks)
        head = cast(Any, model).get_output_embeddings()
        self._above = {name for name, m in model.named_modules() if m is head}
        self.lowest = [min((self._block_of(layer) for layer in layers), default=0) for layers in adapted]

    def _block_of(self, layer: str) -> int:
        """The number of the block that the layer is in; that of the last one for the head, 0 for anything else."""
        if layer in self._above:
            return max(0, len(self.blocks) - 1)
        start = f"{self.name}."
        number = layer.removeprefix(start).split(".")[0]
        return int(number) if layer.startswith(start) and number.isdigit() else 0

    def first(self, active: Sequence[int]) -> int:
        """The lowest block that any of these adapters touches."""
        return min((self.lowest[i] for i in active), default=0)

    def states(self, first: int, run: Callable[[], Any]) -> Tensor | None:
        """What enters block `first` when `run` calls the model, or None if the blocks hand on more than one tensor."""
        block = self.blocks[first]
        below: list[Any] = []
        handles = [
            self.blocks[first - 1].register_forward_hook(lambda m, args, output: below.append(output)),
            block.register_forward_pre_hook(_stop, with_kwargs=True),
        ]
        try:
            run()
        except _Reached as reached:
            # A block that returns more than its states may tell the next ones something that we would lose.
            return reached.states if len(below) == 1 and below[0] is reached.states else None
        finally:
            for handle in handles:
                handle.remove()
        return None

    @contextmanager
    def skipped(self, first: int, states: Tensor) -> Iterator[None]:
        """Inside, blocks below `first` pass on what they get, and block `first` gets the states, [rows, tokens, hidden]."""

        def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args:
                return (states, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": states}

        handle = self.blocks[first].register_forward_pre_hook(enter, with_kwargs=True)
        try:
            for block in self.blocks[:first]:
                block.forward = _fall_through
            yield
        finally:
            handle.remove()
            for block in self.blocks[:first]:
                vars(block).pop("forward", None)


def _stop(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    raise _Reached(args[0] if args else kwargs["hidden_states"])


def _fall_through(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return hidden_states
