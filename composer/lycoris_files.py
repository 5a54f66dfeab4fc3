"""The layers of a LoHa or LoKr adapter, read from the header of its weights. Torch-free.

LoHa (arXiv:2108.06098): s * (A1 B1) o (A2 B2), o the elementwise product.  hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b
LoKr (arXiv:2309.14859): s * W1 (x) W2, (x) the Kronecker product, each factor whole or as a product of two.
                                                                            lokr_w1 | lokr_w1_a, lokr_w1_b; the same of w2
"""

import re
from collections.abc import Mapping

from composer.adapter_config import MAX_RANK, AdapterConfig
from composer.errors import AdapterError
from composer.file_names import WEIGHTS
from composer.safetensors_file import TensorFile

Shape = tuple[int, ...]
RankInOut = tuple[int, int, int]  # rank, d_in, d_out

_TENSOR_RE = re.compile(
    r"base_model\.model\.(?P<layer>.+)\.(?P<part>hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2))"
)
_HADA = {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}


def read_lycoris(config: AdapterConfig, weights: TensorFile) -> tuple[dict[str, RankInOut], str, str]:
    """layer -> (rank, d_in, d_out) of the linear layers and, if it cannot be composed, why and the code.

    Raises AdapterError on contradictions: bad_tensor_name, bad_layout, bad_config.
    """
    if config.modules_to_save:
        names = ", ".join(config.modules_to_save)
        return (
            {},
            f"it carries full weights besides the low-rank update ({names})",
            "full_weights_not_allowed",
        )
    prefix = "hada_" if config.peft_type == "LOHA" else "lokr_"
    parts: dict[str, dict[str, Shape]] = {}
    for tensor in weights.tensors:
        match = _TENSOR_RE.fullmatch(tensor.name)
        if match is None or not match["part"].startswith(prefix):
            raise AdapterError(
                f"{tensor.name} is not a tensor of a {config.peft_type} adapter.", code="bad_tensor_name"
            )
        parts.setdefault(match["layer"], {})[match["part"]] = tensor.shape
    layers: dict[str, RankInOut] = {}
    for layer, shapes in sorted(parts.items()):
        if any("_t" in part for part in shapes) or any(len(shape) != 2 for shape in shapes.values()):
            return {}, f"it adapts {layer}, which is not a linear layer", "unsupported_adapter"
        d_out, d_in = (_loha if config.peft_type == "LOHA" else _lokr)(layer, shapes, config.rank(layer))
        layers[layer] = (config.rank(layer), d_in, d_out)
    return layers, "", ""


def _loha(layer: str, shapes: Mapping[str, Shape], rank: int) -> tuple[int, int]:
    if shapes.keys() != _HADA:
        raise _malformed(layer, f"has {', '.join(sorted(shapes))}; {', '.join(sorted(_HADA))} are expected")
    first, second = (_product(layer, shapes, f"hada_w{i}", rank) for i in (1, 2))
    if first != second:
        raise _malformed(layer, f"has two factors of different shapes, {first} and {second}")
    return first


def _lokr(layer: str, shapes: Mapping[str, Shape], rank: int) -> tuple[int, int]:
    (a, b), (c, d) = (_product(layer, shapes, f"lokr_w{i}", rank) for i in (1, 2))
    return a * c, b * d


def _product(layer: str, shapes: Mapping[str, Shape], name: str, rank: int) -> tuple[int, int]:
    """The shape of the factor `name`, which is there whole or as the product of name_a and name_b."""
    there = {part for part in shapes if part == name or part.startswith(name + "_")}
    if there == {name}:
        rows, columns = shapes[name]
        return rows, columns
    if there != {f"{name}_a", f"{name}_b"}:
        raise _malformed(layer, f"has {', '.join(sorted(shapes))}: {name} is incomplete or there twice")
    a, b = shapes[f"{name}_a"], shapes[f"{name}_b"]
    if a[1] != b[0]:
        raise _malformed(layer, f"{name}_a {list(a)} and {name}_b {list(b)} cannot be multiplied")
    if a[1] != rank or rank > MAX_RANK:
        raise AdapterError(
            f"{layer} has rank {a[1]} in {WEIGHTS}, but the config says {rank} (r and rank_pattern).",
            code="bad_config",
        )
    return a[0], b[1]


def _malformed(layer: str, what: str) -> AdapterError:
    return AdapterError(f"{layer} {what}.", code="bad_layout")
