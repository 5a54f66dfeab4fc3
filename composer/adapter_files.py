"""What an adapter folder holds, read from its files without torch; the first gate for everything a stranger uploads.

inspect_adapter(folder) -> AdapterInfo      config, layers with their shapes, size; or AdapterError with a stable code
check_fits(info, base_layers)               do its layers exist in the base model, with these shapes?

LoRA (rsLoRA and rank/alpha patterns included), LoHa and LoKr can be composed. DoRA needs the base model's weights for
it, PiSSA, OLoRA and CorDA their initial factors: `needs` says so. Other PEFT types are recognised, stored and shared;
for all of these `composable` is False and `reason` says why.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from composer.adapter_config import LYCORIS_TYPES, MAX_CONFIG, MAX_RANK, AdapterConfig, read_config
from composer.errors import AdapterError
from composer.file_names import CONFIG, WEIGHTS
from composer.lycoris_files import read_lycoris
from composer.safetensors_file import (
    TensorEntry,
    TensorFile,
    check_finite,
    read_header,
)

_PREFIX = "base_model.model."
_LORA_RE = re.compile(rf"{re.escape(_PREFIX)}(?P<layer>.+)\.lora_(?P<factor>[AB])\.weight")
_MAGNITUDE = ".lora_magnitude_vector"
_TYPE_NAMES = {
    "ADALORA": "AdaLoRA",
    "IA3": "(IA)³",
    "VERA": "VeRA",
    "XLORA": "X-LoRA",
}

_NEEDED = {
    "base_weights": "it is a DoRA adapter, which rescales the base model's own weights: it is composed only where they "
    "are at hand",
    "initial_factors": "it was initialised with {init}, which changes the base model's own weights: it is composed only "
    "with its initial factors",
}

Needs = Literal["", "base_weights", "initial_factors"]


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The update [d_out, d_in] of one linear layer; rank: the r of its factors (the update of LoHa, LoKr, DoRA has more)."""

    rank: int
    d_in: int
    d_out: int


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """An accepted adapter.

    layers: name in the base model -> shape; only linear layers of LoRA, LoHa and LoKr, empty for other types.
    parameters: stored values, all tensors; by_dtype: how many of F32, F16, BF16. dtype: the most frequent. size: bytes of the
    weights file.
    composable False has a reason (a sentence) and a code: full_weights_not_allowed or unsupported_adapter. If only
    something besides the folder is missing, `needs` says what load_adapter is to be given.
    """

    config: AdapterConfig
    layers: Mapping[str, LayerShape]
    parameters: int
    dtype: str
    size: int
    composable: bool
    reason: str = ""
    code: str = ""
    needs: Needs = ""
    by_dtype: Mapping[str, int] = field(default_factory=dict)

    @property
    def composable_on_base(self) -> bool:
        """Whether load_adapter can read it when it is given the base model."""
        return self.composable or self.needs == "base_weights"

    @property
    def targets(self) -> list[str]:
        """The kinds of layers touched, as q_proj and v_proj."""
        names = {name.rpartition(".")[2] for name in self.layers or self.config.target_modules}
        return sorted(names)

    @property
    def rank(self) -> int:
        """The largest rank of any layer; the config's where no layer was read."""
        return max((shape.rank for shape in self.layers.values()), default=self.config.r)


def inspect_adapter(folder: Path | str) -> AdapterInfo:
    """Read and check `adapter_config.json` and `adapter_model.safetensors` of the folder; values are checked too.

    Raises AdapterError with one of: missing_file, bad_path, bad_json, bad_config, unsupported_feature, pickle_not_allowed,
    file_not_allowed, header_too_large, too_many_tensors, bad_tensor_name, duplicate_key, bad_layout, bad_dtype, not_finite.
    """
    folder = Path(folder)
    config_path, weights_path = _file(folder, CONFIG), _file(folder, WEIGHTS)
    with config_path.open("rb") as file:
        config = read_config(file.read(MAX_CONFIG + 1))
    weights = read_header(weights_path)
    if not weights.tensors:
        raise AdapterError(f"{WEIGHTS} holds no tensors.", code="bad_layout")
    layers: dict[str, LayerShape] = {}
    needs: Needs = ""
    if config.peft_type == "LORA":
        layers, reason, code = _read_lora(config, weights)
        if not reason and (needs := _needs(config)):
            reason, code = _NEEDED[needs].format(init=config.init), "unsupported_adapter"
    elif config.peft_type in LYCORIS_TYPES:
        shapes, reason, code = read_lycoris(config, weights)
        layers = {name: LayerShape(*shape) for name, shape in shapes.items()}
        _check_targets(config, layers)
    else:
        name = _TYPE_NAMES.get(config.peft_type, config.peft_type)
        reason, code = (
            f"{name} adapters are stored and shared, but cannot be composed yet",
            "unsupported_adapter",
        )
    check_finite(weights)
    sizes = {tensor.name: _count(tensor.shape) for tensor in weights.tensors}
    dtypes = Counter[str]()
    for tensor in weights.tensors:
        dtypes[tensor.dtype] += sizes[tensor.name]
    if layers and not config.target_modules:  # null, "all-linear" or a pattern: the tensors say what it meant
        config = replace(config, target_modules=tuple(sorted({name.rpartition(".")[2] for name in layers})))
    return AdapterInfo(
        config=config,
        layers=layers,
        parameters=sum(sizes.values()),
        by_dtype=dict(dtypes),
        dtype=dtypes.most_common(1)[0][0],
        size=weights.size,
        composable=not reason,
        reason=reason,
        code=code,
        needs=needs,
    )


def check_fits(info: AdapterInfo, base_layers: Mapping[str, tuple[int, int]]) -> None:
    """Raise AdapterError `does_not_fit_base`, naming the first three layers that are missing or of another shape.

    base_layers: layer name -> (d_out, d_in), as in BaseModelDescription.layers.
    """
    problems = []
    for name, shape in info.layers.items():
        base = base_layers.get(name)
        if base is None:
            problems.append(f"{name} is not a layer of the base model")
        elif (shape.d_out, shape.d_in) != tuple(base):
            problems.append(
                f"{name} is {shape.d_out} x {shape.d_in}, but {base[0]} x {base[1]} in the base model"
            )
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise AdapterError(
            f"The adapter does not fit the base model: {'; '.join(problems[:3])}{more}.",
            code="does_not_fit_base",
        )


def _needs(config: AdapterConfig) -> Needs:
    if config.init:
        return "initial_factors"
    return "base_weights" if config.use_dora else ""


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if path.is_symlink():
        raise AdapterError(f"{name} is a symbolic link.", code="bad_path")
    if not path.is_file():
        pickled = name == WEIGHTS and (folder / "adapter_model.bin").exists()
        hint = (
            " adapter_model.bin is a pickle, which is not accepted: save the adapter as safetensors."
            if pickled
            else ""
        )
        raise AdapterError(
            f"{name} is missing: a PEFT adapter is a folder with {CONFIG} and {WEIGHTS}.{hint}",
            code="pickle_not_allowed" if pickled else "missing_file",
        )
    return path


def _read_lora(config: AdapterConfig, weights: TensorFile) -> tuple[dict[str, LayerShape], str, str]:
    """The layers of a LoRA and, if it cannot be composed, why and the code. Raises AdapterError on contradictions."""
    factors: dict[str, dict[str, TensorEntry]] = {}
    reasons = [config.special] if config.special else []
    if config.use_dora and config.init:
        reasons.append(f"it is a DoRA adapter initialised with {config.init}")
    magnitudes: set[str] = set()
    full: list[str] = []
    for tensor in weights.tensors:
        if match := _LORA_RE.fullmatch(tensor.name):
            factors.setdefault(match["layer"], {})[match["factor"]] = tensor
        elif config.use_dora and tensor.name.endswith(_MAGNITUDE) and len(tensor.shape) == 1:
            magnitudes.add(tensor.name.removeprefix(_PREFIX).removesuffix(_MAGNITUDE))
        elif reason := _extra(config, tensor.name, full):
            reasons.append(reason)
    if full or config.modules_to_save:
        names = ", ".join(config.modules_to_save) or ", ".join(full[:3])
        reasons.insert(0, f"it carries full weights besides the low-rank update ({names})")
    if not factors and not reasons:
        raise AdapterError(f"{WEIGHTS} holds no lora_A and lora_B tensors.", code="bad_layout")
    layers: dict[str, LayerShape] = {}
    if "target_parameters" not in config.special:
        for layer, pair in sorted(factors.items()):
            if shape := _shape(config, layer, pair):
                layers[layer] = shape
            else:
                reasons.append(f"it adapts {layer}, which is not a linear layer")
    _check_targets(config, layers)
    if config.use_dora and not reasons and magnitudes != layers.keys():
        odd = min(magnitudes ^ layers.keys())
        raise AdapterError(f"{odd} has no {_MAGNITUDE[1:]}, or only that.", code="bad_layout")
    code = "full_weights_not_allowed" if full or config.modules_to_save else "unsupported_adapter"
    unique = list(dict.fromkeys(reasons))
    return layers, "; ".join(unique[:3]), code if unique else ""


def _extra(config: AdapterConfig, name: str, full: list[str]) -> str:
    """Why a LoRA with this tensor is not plain; full weights are collected in `full`. Raises bad_tensor_name if unknown."""
    inner = name.removeprefix(_PREFIX)
    layer, _, last = inner.rpartition(".")
    if ".lora_magnitude_vector" in inner and config.use_dora:
        return f"it adapts {inner.partition('.lora_magnitude_vector')[0]}, which is not a linear layer"
    if ".lora_embedding_" in inner:
        return "it adapts token embeddings"
    if ".lora_B.bias" in inner or (last == "bias" and config.bias != "none"):
        return "" if config.special else "it trains biases"
    if ".trainable_tokens_" in inner:
        return "it trains token embeddings (trainable_token_indices)"
    saved = any(
        layer == part or layer.endswith("." + part) or f".{part}." in f".{layer}."
        for part in config.modules_to_save
    )
    kept = layer.removesuffix(".base_layer").rpartition(".")[2] in (
        "embed_tokens",
        "lm_head",
        "wte",
        "shared",
        "embed_out",
    )
    if name.startswith(_PREFIX) and last in ("weight", "bias") and (saved or kept or ".base_layer" in inner):
        full.append(layer.removesuffix(".base_layer"))
        return ""
    raise AdapterError(
        f"{name} is not a LoRA tensor; names are {_PREFIX}<layer>.lora_A.weight and lora_B.weight.",
        code="bad_tensor_name",
    )


def _shape(config: AdapterConfig, layer: str, pair: Mapping[str, TensorEntry]) -> LayerShape | None:
    """The layer's shape from its two factors; None for factors of a convolution. Raises bad_layout, bad_config."""
    if pair.keys() != {"A", "B"}:
        there, missing = ("A", "B") if "A" in pair else ("B", "A")
        raise AdapterError(f"{layer} has lora_{there}, but no lora_{missing}.", code="bad_layout")
    a, b = pair["A"].shape, pair["B"].shape
    if len(a) != len(b) or len(a) < 2 or a[0] != b[1]:
        raise AdapterError(
            f"{layer}: lora_A {list(a)} and lora_B {list(b)} cannot be multiplied; [rank, in] and [out, rank] are expected.",
            code="bad_layout",
        )
    rank = config.rank(layer)
    if a[0] != rank or a[0] > MAX_RANK:
        raise AdapterError(
            f"{layer} has rank {a[0]} in {WEIGHTS}, but r = {rank} in {CONFIG} (r and rank_pattern).",
            code="bad_config",
        )
    return LayerShape(rank=a[0], d_in=a[1], d_out=b[0]) if len(a) == 2 else None


def _check_targets(config: AdapterConfig, layers: Mapping[str, LayerShape]) -> None:
    """Every layer of the file must be one that PEFT would adapt, or PEFT would silently drop its tensors."""
    if len(config.target_modules) == 1 and not layers:
        return
    names = set(config.target_modules)
    for layer in layers if names else ():
        parts = layer.split(".")
        if not any(".".join(parts[start:]) in names for start in range(len(parts))):
            raise AdapterError(
                f"{WEIGHTS} adapts {layer}, which target_modules ({', '.join(sorted(names)[:5])}) does not name.",
                code="bad_config",
            )


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total
