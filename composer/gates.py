"""Weighted sums of adapters in a running model: one set of weights per row of the batch, nothing merged.

The base model stays as it is. While `Gates.rows(...)` is open, a hook on every adapted layer adds the update to the
layer's output; closing removes the hooks, so no state is left on the model. See docs/composer.md, "The evaluator".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from composer.adapters import Adapter
from composer.base_model import adaptable_layers
from composer.errors import AdapterError
from composer.methods import check_compatible


class Gates:
    """Adapters ready to be mixed, on one base model.

    deltas: base(x) + ((x A_cat^T) * gate[row]) B_cat^T with A_cat [sum of ranks, d_in], B_cat [d_out, sum of ranks] and
    gate[row] = w_i s_i, each repeated r_i times: plain matrix products, however many weight vectors are in the batch.
    factors: base(x) + (x A_w^T) B_w^T with each distinct weight vector's own A_w = sum w_i A_i, B_w = sum w_i s_i B_i.

    Without adapters it is the bare model. Raises AdapterError `does_not_fit_base` if a layer is missing from the model
    or has another shape.
    """

    def __init__(self, model: nn.Module, adapters: Sequence[Adapter], *, method: str = "deltas") -> None:
        if adapters:
            check_compatible(adapters)
        _check_fits(adaptable_layers(model), adapters)
        self.count = len(adapters)
        parameter = next(model.parameters())
        names = sorted({layer for adapter in adapters for layer in adapter.factors})
        kind = _FactorsLayer if method == "factors" else _DeltasLayer
        self.layers: dict[str, _DeltasLayer | _FactorsLayer] = {
            name: kind(name, adapters, dtype=parameter.dtype, device=parameter.device) for name in names
        }
        self.modules = [model.get_submodule(name) for name in names]

    @contextmanager
    def rows(self, weights: Tensor) -> Iterator[None]:
        """Inside, row i of every batch runs with weights[i]. weights: [rows, n_modules], float32."""
        self.set(weights)
        handles = [
            module.register_forward_hook(layer.hook)
            for module, layer in zip(self.modules, self.layers.values(), strict=True)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def set(self, weights: Tensor) -> None:
        """Change the rows' weights while `rows` is open, for a batch of another size."""
        if not self.layers:
            return
        distinct, inverse = torch.unique(weights, dim=0, return_inverse=True)
        active = torch.nonzero((weights != 0).any(dim=0)).flatten().tolist()
        for layer in self.layers.values():
            layer.set(weights, distinct, inverse, active)


class _DeltasLayer:
    def __init__(
        self, name: str, adapters: Sequence[Adapter], *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.name = name
        parts = [adapter.factors.get(name) for adapter in adapters]
        self.ranks = torch.tensor([f.rank if f else 0 for f in parts])
        self.scales = torch.tensor([f.scale if f else 0.0 for f in parts])
        present = [f for f in parts if f]
        self.a_all = torch.cat([f.a for f in present]).to(device, dtype)  # [sum_ranks, d_in]
        self.b_all = (
            torch.cat([f.b for f in present], dim=1).T.contiguous().to(device, dtype)
        )  # [sum_ranks, d_out]
        self.starts = (self.ranks.cumsum(0) - self.ranks).tolist()
        self.active: list[int] | None = None

    def set(self, weights: Tensor, distinct: Tensor, inverse: Tensor, active: list[int]) -> None:
        if active != self.active:
            # Modules of weight zero in the whole batch cost nothing.
            if len(active) == len(self.ranks):
                a, b = self.a_all, self.b_all
            else:
                spans = [torch.arange(self.starts[i], self.starts[i] + int(self.ranks[i])) for i in active]
                chosen = torch.cat([torch.empty(0, dtype=torch.long), *spans]).to(self.a_all.device)
                a, b = self.a_all.index_select(0, chosen), self.b_all.index_select(0, chosen)
            self.a, self.b, self.active = a.T, b, active  # [d_in, ranks], [ranks, d_out]
        gate = weights[:, active] * self.scales[active]
        self.gate = gate.repeat_interleave(self.ranks[active], dim=1).to(self.a_all)  # [rows, ranks]

    def hook(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if self.a.shape[1] == 0:
            return None
        if isinstance(module, nn.Embedding):
            inner = nn.functional.embedding(args[0], self.a)
        else:
            inner = args[0] @ self.a  # [rows, tokens, ranks]
        inner.mul_(_per_row(self.gate, inner, self.name))
        output.view(-1, output.shape[-1]).addmm_(inner.reshape(-1, inner.shape[-1]), self.b)
        return output


class _FactorsLayer:
    def __init__(
        self, name: str, adapters: Sequence[Adapter], *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.name, self.dtype, self.device = name, dtype, device
        parts = [adapter.factors.get(name) for adapter in adapters]
        present = [f for f in parts if f]
        rank, d_in, d_out = max(f.rank for f in present), present[0].a.shape[1], present[0].b.shape[0]
        self.a_all = torch.zeros(len(parts), rank, d_in)
        self.b_all = torch.zeros(len(parts), rank, d_out)
        for index, f in enumerate(parts):
            if f:
                self.a_all[index, : f.rank] = f.a
                self.b_all[index, : f.rank] = f.b.T * f.scale

    def set(self, weights: Tensor, distinct: Tensor, inverse: Tensor, active: list[int]) -> None:
        a = torch.tensordot(distinct, self.a_all, dims=1).to(
            self.device, self.dtype
        )  # [distinct, rank, d_in]
        b = torch.tensordot(distinct, self.b_all, dims=1).to(self.device, self.dtype)
        self.a, self.b = a[inverse].transpose(1, 2), b[inverse]  # [rows, d_in, rank], [rows, rank, d_out]

    def hook(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        rows = self.a.shape[0]
        if isinstance(module, nn.Embedding):
            ids = args[0]
            inner = torch.stack([nn.functional.embedding(ids[i], self.a[i]) for i in range(rows)])
        else:
            inner = torch.bmm(_by_row(args[0], rows, self.name), self.a)
        return output.add_(torch.bmm(inner, self.b).view_as(output))


def _per_row(gate: Tensor, x: Tensor, name: str) -> Tensor:
    """gate [rows, k] shaped to multiply x [rows, ..., k], or x [rows * tokens, k] of a layer that flattens its input."""
    if x.shape[0] == gate.shape[0]:
        return gate.view(gate.shape[0], *[1] * (x.dim() - 2), gate.shape[1])
    if gate.shape[0] == 1:
        return gate
    if x.dim() == 2 and x.shape[0] % gate.shape[0] == 0:
        return gate.repeat_interleave(x.shape[0] // gate.shape[0], dim=0)
    raise AdapterError(
        f"{name} mixes the rows of a batch, so its adapter cannot be weighted per row",
        code="unsupported_layer",
    )


def _by_row(x: Tensor, rows: int, name: str) -> Tensor:
    if x.numel() % (rows * x.shape[-1]) or (x.dim() > 2 and x.shape[0] != rows):
        raise AdapterError(
            f"{name} mixes the rows of a batch, so its adapter cannot be weighted per row",
            code="unsupported_layer",
        )
    return x.reshape(rows, -1, x.shape[-1])


def _check_fits(shapes: dict[str, tuple[int, int]], adapters: Sequence[Adapter]) -> None:
    for adapter in adapters:
        wrong = []
        for layer, f in adapter.factors.items():
            shape = (f.b.shape[0], f.a.shape[1])
            if layer not in shapes:
                wrong.append(f"{layer} is not a layer of it")
            elif shape != shapes[layer]:
                wrong.append(
                    f"{layer} is {shapes[layer][0]} x {shapes[layer][1]}, not {shape[0]} x {shape[1]}"
                )
        if wrong:
            raise AdapterError(
                f"{adapter.name} does not fit this base model: {'; '.join(wrong[:3])}"
                + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""),
                code="does_not_fit_base",
            )
