"""adapter_config.json, validated and rebuilt field by field. Torch-free, and PEFT never sees the user's own file.

Measured in PEFT 0.21.2: regexes in target_modules, exclude_modules and rank_pattern hung for more than 25 s;
layer_replication x 500 built 1,000 layers; init_lora_weights "pissa" changed the base weights in place; r = 1e9 asked for
128 GB.
So no regular expression of a user is ever executed here: the tensors say which layers an adapter touches.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from composer.errors import AdapterError
from composer.strict_json import parse_json, shown

T = TypeVar("T")

MAX_CONFIG = 2**20  # bytes
MAX_RANK = 512
MAX_ALPHA = 1e6
MAX_UNBOUNDED = 4  # `.*` in one pattern: matching stays fast for everybody who downloads the adapter

# peft.PeftType of PEFT 0.21.2, and BONE of earlier ones
# fmt: off
PEFT_TYPES = frozenset(
    [
        "PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "LORA", "ADALORA",
        "ADAMSS", "BOFT", "ADAPTION_PROMPT", "IA3", "BEFT", "LILY", "LOHA", "LOKR", "OFT", "POLY",
        "LN_TUNING", "VERA", "FROD", "PVERA", "FOURIERFT", "GLORA", "XLORA", "HRA", "VBLORA", "UNILORA",
        "CPT", "MISS", "RANDLORA", "ROAD", "TRAINABLE_TOKENS", "HIRA", "SHIRA", "C3A", "WAVEFT", "OSF",
        "DELORA", "GRALORA", "CARTRIDGE", "TINYLORA", "PSOFT", "PEANUT", "SHADOW", "SUPERTUNING",
        "DEFT", "BONE",
    ]
)
# fmt: on
LYCORIS_TYPES = ("LOHA", "LOKR")
TASK_TYPES = frozenset(
    ["SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION"]
)

NAME_RE = re.compile(r"[A-Za-z0-9_][\w\-]*(\.[\w\-]+)*", re.ASCII)
# The pieces of a pattern that is matched without catastrophic backtracking: no quantifier after a group, no look-around,
# no back-reference.
_PIECE = r"\\[.dwb]|\[(?:\\d|[\w\-])+\]|[\w\-.]"
_COUNT = r"[*+]\??|\?|\{\d{1,3}(?:,\d{0,3})?\}"
_TOKEN_RE = re.compile(
    rf"(?P<group>\(\?:|\()|(?P<close>\))|(?P<mark>[|^$])|(?P<piece>{_PIECE})(?P<count>{_COUNT})?"
)

_REFUSED: dict[str, tuple[object, ...]] = {  # key -> the values that mean "not used"
    "layer_replication": (None, [], {}),
    "auto_mapping": (None, {}),
    "megatron_config": (None, {}),
    "megatron_core": (None, "megatron.core", ""),
}


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """The fields of an adapter_config.json that the hub keeps, each checked.

    r and alpha are the defaults; patterns override them by layer-name suffix ("^name" is the whole name), first match first.
    init: the method that made its first factors out of the base model's weights and took them out of these (PiSSA,
    OLoRA, CorDA); "" for ordinary ones. special: what else keeps the adapter from being a LoRA whose update can be
    computed, in words; empty for most.
    """

    peft_type: str
    base_model: str = ""
    revision: str = ""
    task_type: str = ""
    r: int = 0
    alpha: float = 0.0
    use_rslora: bool = False
    use_dora: bool = False
    target_modules: tuple[str, ...] = ()
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    bias: str = "none"
    fan_in_fan_out: bool = False
    modules_to_save: tuple[str, ...] = ()
    init: str = ""
    special: str = ""

    def rank(self, layer: str) -> int:
        """The rank that the config gives this layer."""
        return _match(self.rank_pattern, layer, self.r)

    def scale(self, layer: str) -> float:
        """alpha / r of this layer; alpha / sqrt(r) with rank-stabilised LoRA (arXiv:2312.03732)."""
        alpha, rank = _match(self.alpha_pattern, layer, self.alpha), self.rank(layer)
        return alpha / math.sqrt(rank) if self.use_rslora else alpha / rank


def read_config(data: bytes) -> AdapterConfig:
    """The validated config. Raises AdapterError: bad_json, bad_config, unsupported_feature."""
    if len(data) > MAX_CONFIG:
        raise _bad(f"it is {len(data):,} bytes long; at most {MAX_CONFIG:,} are read")
    raw = parse_json(data, "adapter_config.json")
    if not isinstance(raw, dict):
        raise _bad("it is not a JSON object")
    kind = raw.get("peft_type")
    if not isinstance(kind, str):
        raise _bad("peft_type is missing")
    if kind.upper() not in PEFT_TYPES:
        raise _unsupported(f"peft_type {shown(kind)} is not a known adapter type")
    for key, unused in _REFUSED.items():
        if raw.get(key) not in unused:
            raise _unsupported(f"{key} is not supported; save the adapter without it")
    task = _text(raw, "task_type")
    if task and task not in TASK_TYPES:
        raise _bad(f"task_type {shown(task)} is not one of {', '.join(sorted(TASK_TYPES))}")
    for key in ("exclude_modules", "layers_pattern", "target_parameters"):
        _targets(raw, key)
    lora = kind.upper() == "LORA"
    ranked = lora or kind.upper() in LYCORIS_TYPES
    bias = _text(raw, "bias") or "none"
    if lora and bias not in ("none", "all", "lora_only"):
        raise _bad(f"bias {shown(bias)} is not none, all or lora_only")
    return AdapterConfig(
        peft_type=kind.upper(),
        base_model=_text(raw, "base_model_name_or_path"),
        revision=_text(raw, "revision"),
        task_type=task,
        r=_rank(raw.get("r"), "r", lowest=1 if ranked else 0) if ranked or raw.get("r") is not None else 0,
        alpha=_alpha(_raw_alpha(raw, kind.upper()), "lora_alpha" if lora else "alpha", required=ranked),
        # Only LoRA knows these two; elsewhere PEFT drops them, and so must we.
        use_rslora=_flag(raw, "use_rslora") and lora,
        use_dora=_flag(raw, "use_dora") and lora,
        target_modules=_targets(raw, "target_modules"),
        rank_pattern={
            key: _rank(value, f"rank_pattern of {key}") for key, value in _pattern(raw, "rank_pattern")
        },
        alpha_pattern={
            key: _alpha(value, f"alpha_pattern of {key}") for key, value in _pattern(raw, "alpha_pattern")
        },
        bias=bias,
        fan_in_fan_out=_flag(raw, "fan_in_fan_out"),
        modules_to_save=_targets(raw, "modules_to_save"),
        init=_init(raw) if lora else "",
        special=_special(raw) if lora else "",
    )


def check_pattern(text: str, key: str) -> None:
    """Refuse a regular expression that could need long backtracking; it is read piece by piece, never executed."""
    position, depth, unbounded = 0, 0, 0
    while position < len(text):
        token = _TOKEN_RE.match(text, position)
        if token is None:
            break
        position = token.end()
        depth += bool(token["group"]) - bool(token["close"])
        count = token["count"] or ""
        unbounded += count[:1] in ("*", "+") or count.endswith(",}")
        if depth < 0 or depth > 8:
            break
    if len(text) > 1000 or position < len(text) or depth != 0 or unbounded > MAX_UNBOUNDED:
        raise _unsupported(
            f"{key} is a regular expression that is not accepted ({shown(text)}); list the layer names instead"
        )


def _special(raw: Mapping[str, object]) -> str:
    """What makes this LoRA's update something that its factors do not tell, in words."""
    init = raw.get("init_lora_weights", True)
    if not isinstance(init, bool | str | None):
        raise _bad(f"init_lora_weights is {shown(init)}")
    found = []
    if isinstance(init, str) and init.lower().startswith(("loftq", "lora_ga")):
        found.append(f"it was initialised with {shown(init)}, which changes the base model's own weights")
    words = {
        "lora_bias": "it trains biases of its own (lora_bias)",
        "target_parameters": "it adapts parameters instead of layers (target_parameters)",
        "trainable_token_indices": "it trains token embeddings (trainable_token_indices)",
        "alora_invocation_tokens": "it is an activated LoRA (alora_invocation_tokens)",
        "use_qalora": "it is a QA-LoRA adapter",
        "use_bdlora": "it is a block-diagonal LoRA",
        "arrow_config": "it is an Arrow router",
        "kasa_config": "it is a KaSA adapter",
        "monteclora_config": "it is a MonteCLoRA adapter",
        "velora_config": "it is a VeLoRA adapter",
    }
    found += [text for key, text in words.items() if raw.get(key)]
    if raw.get("bias") in ("all", "lora_only"):
        found.append(f"it trains the base model's biases (bias={raw['bias']})")
    return "; ".join(found)


def _init(raw: Mapping[str, object]) -> str:
    """The initialisation of those that subtract their first factors from the base model's weights, in lower case."""
    init = str(raw.get("init_lora_weights", "")).lower()
    return init if init.startswith(("pissa", "corda", "olora")) else ""


def _raw_alpha(raw: Mapping[str, object], kind: str) -> object:
    """PEFT 0.21.2 calls it lora_alpha in LoRA and alpha in LoHa and LoKr; the default is 8 in all three."""
    if kind in LYCORIS_TYPES:
        return raw.get("alpha", 8)
    return raw.get("lora_alpha", raw.get("alpha", 8 if kind == "LORA" else None))


def _match(pattern: Mapping[str, T], layer: str, default: T) -> T:
    for key, value in pattern.items():
        if layer == key.removeprefix("^") or (key[0] != "^" and layer.endswith("." + key)):
            return value
    return default


def _bad(why: str) -> AdapterError:
    return AdapterError(f"adapter_config.json: {why}.", code="bad_config")


def _unsupported(why: str) -> AdapterError:
    return AdapterError(f"adapter_config.json: {why}.", code="unsupported_feature")


def _text(raw: Mapping[str, object], key: str) -> str:
    value = raw.get(key) or ""
    if not isinstance(value, str) or len(value) > 512 or not value.isprintable():
        raise _bad(f"{key} is {shown(value)}")
    return value.strip()


def _flag(raw: Mapping[str, object], key: str) -> bool:
    value = raw.get(key)
    if value is not None and not isinstance(value, bool):
        raise _bad(f"{key} is {shown(value)}, neither true nor false")
    return bool(value)


def _rank(value: object, key: str, *, lowest: int = 1) -> int:
    if type(value) is not int or not lowest <= value <= MAX_RANK:
        raise _bad(f"{key} is {shown(value)}, not a whole number from {lowest} to {MAX_RANK}")
    return value


def _alpha(value: object, key: str, *, required: bool = True) -> float:
    if value is None and not required:
        return 0.0
    if (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_ALPHA
    ):  # NaN fails too
        raise _bad(f"{key} is {shown(value)}, not a number from 0 to {MAX_ALPHA:,.0f}")
    return float(value)


def _pattern(raw: Mapping[str, object], key: str) -> Iterable[tuple[str, object]]:
    value = raw.get(key) or {}
    if not isinstance(value, dict) or len(value) > 20_000:
        raise _bad(f"{key} is not a table of layer names")
    for name in value:
        if not NAME_RE.fullmatch(name.removeprefix("^")):
            raise _unsupported(
                f"{key} has the name {shown(name)}; only plain layer names are accepted, no patterns"
            )
    return value.items()


def _targets(raw: Mapping[str, object], key: str) -> tuple[str, ...]:
    """The plain names of the list under `key`; () for a pattern (checked, never executed) or nothing."""
    value = raw.get(key)
    if value is None or value == "all-linear":
        return ()
    if isinstance(value, str):
        if NAME_RE.fullmatch(value) and len(value) <= 512:
            return (value,)
        check_pattern(value, key)
        return ()
    if not isinstance(value, list) or len(value) > 20_000:
        raise _bad(f"{key} is {shown(value)}, neither a list of names nor a text")
    for name in value:
        if not isinstance(name, str) or len(name) > 512 or not NAME_RE.fullmatch(name):
            raise _bad(f"{key} has {shown(name)}, which is not a layer's name")
    return tuple(sorted(set(value)))
