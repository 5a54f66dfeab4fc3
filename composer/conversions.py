"""Updates that are no plain B A, written as one: exact, at the rank they really have. Tensors in, tensors out.

LoHa    s * (A1 B1) o (A2 B2)      rank at most r^2: a row-wise Khatri-Rao product, so factors exist in closed form
LoKr    s * W1 (x) W2              rank(W1) * rank(W2): the SVD of a Kronecker product is that of its parts
DoRA    m/|W + sBA| (W + sBA) - W  full rank: the difference to the base model's weights W, then an SVD

The rank is the smallest at which what is cut stays below TOLERANCE of the whole (relative Frobenius norm), or the
caller's, if that is smaller; the error is returned. All arithmetic is in float64.
Sources: arXiv:2108.06098 (LoHa), arXiv:2309.14859 (LoKr), arXiv:2402.09353, eq. 5 (DoRA); checked against PEFT 0.21.2.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from composer.errors import AdapterError

TOLERANCE = 1e-6
MOST_VALUES = 2**28  # of one layer's factors: 1 GiB in float32

LowRank = tuple[Tensor, Tensor, float]  # a [rank, d_in], b [d_out, rank], relative error
Svd = tuple[Tensor, Tensor, Tensor]  # u [d_out, k], s [k] falling, v [d_in, k], float64


def product_svd(b: Tensor, a: Tensor) -> Svd:
    """The SVD of b a, b [d_out, rank], a [rank, d_in], without forming it; k = min(rank, d_in, d_out).

    With b = Q_b R_b and a^T = Q_a R_a, it follows from the SVD of the small R_b R_a^T.
    """
    q_b, r_b = torch.linalg.qr(b.double())
    q_a, r_a = torch.linalg.qr(a.double().T)
    u, s, vh = torch.linalg.svd(r_b @ r_a.T, full_matrices=False)
    return q_b @ u, s, q_a @ vh.T


def loha(tensors: Mapping[str, Tensor], max_rank: int | None = None) -> LowRank:
    """The factors of (A1 B1) o (A2 B2). tensors: hada_w1_a [d_out, r], hada_w1_b [r, d_in]; the same of w2."""
    a1, b1, a2, b2 = (tensors[f"hada_{name}"].double() for name in ("w1_a", "w1_b", "w2_a", "w2_b"))
    rank, d_out, d_in = a1.shape[1] ** 2, a1.shape[0], b1.shape[1]
    if rank >= min(d_out, d_in):
        _check_size(min(d_out, d_in), d_out, d_in)
        return truncate(_dense_svd((a1 @ b1) * (a2 @ b2)), max_rank)
    _check_size(rank, d_out, d_in)
    b = (a1[:, :, None] * a2[:, None, :]).reshape(d_out, rank)
    a = (b1[:, None, :] * b2[None, :, :]).reshape(rank, d_in)
    return truncate(product_svd(b, a), max_rank)


def lokr(tensors: Mapping[str, Tensor], max_rank: int | None = None) -> LowRank:
    """The factors of W1 (x) W2. tensors: lokr_w1 [a, b] or lokr_w1_a [a, r], lokr_w1_b [r, b]; the same of w2 [c, d]."""
    (u1, s1, v1), (u2, s2, v2) = (_part_svd(tensors, name) for name in ("lokr_w1", "lokr_w2"))
    products = torch.outer(s1, s2).flatten()
    s, order = products.sort(descending=True)
    keep = _rank(s, max_rank)
    first, second = order[:keep] // len(s2), order[:keep] % len(s2)
    d_out, d_in = u1.shape[0] * u2.shape[0], v1.shape[0] * v2.shape[0]
    _check_size(keep, d_out, d_in)
    u = (u1[:, None, first] * u2[None, :, second]).reshape(d_out, keep)
    v = (v1[:, None, first] * v2[None, :, second]).reshape(d_in, keep)
    return _split(u, s[:keep], v, _error(s, keep))


def dora(weight: Tensor, a: Tensor, b: Tensor, magnitude: Tensor, max_rank: int | None = None) -> LowRank:
    """The factors of what DoRA adds to `weight` [d_out, d_in]. b [d_out, r] has the scale in it; magnitude: [d_out]."""
    weight = weight.double()
    directed = weight + b.double() @ a.double()
    norm = torch.linalg.norm(directed, dim=1)
    if not bool((norm > 0).all()):
        raise AdapterError("a row of the DoRA adapter's merged weights is zero", code="not_finite")
    merged = directed * (magnitude.double() / norm)[:, None]
    return truncate(_dense_svd(merged - weight), max_rank)


def truncate(svd: Svd, max_rank: int | None = None) -> LowRank:
    """Both factors at the rank that is needed, singular values split evenly, which keeps them within 16-bit range."""
    u, s, v = svd
    keep = _rank(s, max_rank)
    return _split(u[:, :keep], s[:keep], v[:, :keep], _error(s, keep))


def _rank(s: Tensor, max_rank: int | None) -> int:
    """The smallest rank, at least 1, that cuts no more than TOLERANCE; s falls."""
    cut = s.square().flip(0).cumsum(0).flip(0).sqrt()  # cut[k]: norm of all from k on
    needed = int((cut > TOLERANCE * cut[0]).sum())
    return max(1, min(needed, max_rank or needed))


def _error(s: Tensor, keep: int) -> float:
    whole = float(s.square().sum())
    return (float(s[keep:].square().sum()) / whole) ** 0.5 if whole > 0 else 0.0


def _split(u: Tensor, s: Tensor, v: Tensor, error: float) -> LowRank:
    root = s.sqrt()
    return (v * root).T.float().contiguous(), (u * root).float().contiguous(), error


def _part_svd(tensors: Mapping[str, Tensor], name: str) -> Svd:
    if name in tensors:
        return _dense_svd(tensors[name].double())
    return product_svd(tensors[f"{name}_a"], tensors[f"{name}_b"])  # LoKr calls the left factor a


def _dense_svd(matrix: Tensor) -> Svd:
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    return u, s, vh.T


def _check_size(rank: int, d_out: int, d_in: int) -> None:
    if rank * (d_out + d_in) > MOST_VALUES:
        raise AdapterError(
            f"a layer of {d_out:,} x {d_in:,} needs rank {rank:,}, which is too large to compose; give a smaller max_rank",
            code="too_large",
        )
