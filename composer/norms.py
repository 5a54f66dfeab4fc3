"""RMS norms in fewer passes over memory, where that is what the model's own compute: a sixth of a bf16 forward is norms.

The model's modules stay; only their `forward` is another one meanwhile. A norm of another kind (Gemma's adds one to its
weight) fails the trial and keeps its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


def lean_norms(model: nn.Module) -> list[tuple[nn.Module, Forward]]:
    """The norms of the model that this module computes as well, each with its leaner forward."""
    found = []
    for module in model.modules():
        epsilon, weight = getattr(module, "variance_epsilon", None), getattr(module, "weight", None)
        if epsilon is None or not isinstance(weight, Tensor):
            continue
        lean = _rms_norm(weight, float(epsilon))
        if _agree(module, weight, lean):
            found.append((module, lean))
    return found


@contextmanager
def replaced(norms: list[tuple[nn.Module, Forward]]) -> Iterator[None]:
    """Inside, these modules compute in the leaner way."""
    try:
        for module, lean in norms:
            module.forward = lean
        yield
    finally:
        for module, _ in norms:
            vars(module).pop("forward", None)


def _rms_norm(weight: Tensor, epsilon: float) -> Forward:
    def forward(states: Tensor) -> Tensor:
        """weight * states / sqrt(mean of squares + epsilon), in float32 as far as the weight (arXiv:1910.07467)."""
        wide = states.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = length.square_().div_(states.shape[-1]).add_(epsilon).rsqrt_()
        wide = wide * scale if wide is states else wide.mul_(scale)
        return wide.to(states.dtype).mul_(weight)

    return forward


@torch.inference_mode()
def _agree(module: nn.Module, weight: Tensor, lean: Forward) -> bool:
    if weight.dim() != 1 or not weight.is_floating_point():
        return False
    generator = torch.Generator().manual_seed(0)
    states = (3 * torch.randn(4, len(weight), generator=generator)).to(weight)
    expected, error = module(states), torch.finfo(weight.dtype).eps
    return expected.dtype == weight.dtype and torch.allclose(
        lean(states), expected, rtol=4 * error, atol=error
    )
