"""How many bytes a composition needs at its peak, from shapes alone, and how many there are. Torch-free.

    need = job_memory(ModelShapes.of(layers, parameters), modules, rows, size=2, tokens=2048)
    need.total, need.parts          # all of it; {"base model": …, "a copy in float32": …, …}

The figures are upper bounds of what benchmarks/evaluator.py measures (predicted against measured stands in its table).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from composer.errors import ComposerError

RUNTIME = 500 << 20  # Python, torch and transformers before anything is loaded
SPARE = 64 << 20  # work space of the libraries, fragments, short-lived tensors
FACTOR_CANDIDATES = 8  # of one forward, whose own A and B the method "factors" makes
CGROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
FUSED = ("c_attn", "query_key_value", "qkv_proj", "Wqkv")  # layers that make queries, keys and values at once


@dataclass(frozen=True, slots=True)
class ModelShapes:
    """parameters: of the model. hidden: numbers per token between layers; widest: the most inside one (without the head);
    vocabulary: of the head; cached: keys and values of one token in all layers; blocks: layers one behind the other."""

    parameters: int
    hidden: int
    widest: int
    vocabulary: int
    cached: int
    blocks: int

    @staticmethod
    def of(layers: Mapping[str, Sequence[int]], parameters: int) -> "ModelShapes":
        """layers: name -> (d_out, d_in) of every linear and embedding layer, as describe_base_model gives them."""
        vocabulary, hidden = max((max(shape), min(shape)) for shape in layers.values())
        inner = {name: shape for name, shape in layers.items() if vocabulary not in shape}
        widths = {name: shape[0] for name, shape in inner.items()}
        cached = sum(w for name, w in widths.items() if name.split(".")[-1] in ("k_proj", "v_proj", "k", "v"))
        cached += sum(inner[name][1] * 2 for name in inner if name.split(".")[-1] in FUSED)
        return ModelShapes(
            parameters=parameters,
            hidden=hidden,
            widest=max([hidden, *(max(shape) for shape in inner.values())]),
            vocabulary=vocabulary,
            cached=cached,
            blocks=len({found[0] for name in inner if (found := re.match(r"\D*\.\d+\.", name))}),
        )


@dataclass(frozen=True, slots=True)
class ModuleShapes:
    """Of all modules together. numbers: in their factors; ranks: their sum, in the layer where it is largest; count."""

    numbers: int
    ranks: int
    count: int


@dataclass(frozen=True, slots=True)
class RowShapes:
    """Tokens of the longest row and of the longest answer, of the examples and of the rows that are compared on.

    tuned: rows of one pass where a LoRA is tuned on the examples, for comparison or afterwards (0 if none is), and
    tuned_longest the tokens of the longest of these.
    """

    longest: int
    answer: int
    tuned: int = 0
    tuned_longest: int = 0


@dataclass(frozen=True, slots=True)
class JobMemory:
    """Bytes at the peak of a job, and what they are for. loaded: the part that is there once base and modules are."""

    parts: dict[str, int]
    loaded: int

    @property
    def total(self) -> int:
        return sum(self.parts.values())


def job_memory(
    model: ModelShapes,
    modules: ModuleShapes,
    rows: RowShapes,
    *,
    size: int,
    tokens: int,
    method: str = "deltas",
    runtime: int = RUNTIME,
) -> JobMemory:
    """What composing takes at its peak. size: bytes of a number in the search (2: bf16, and finalists again in float32).

    tokens: of one forward (Limits.tokens); no forward has fewer than the longest row.
    """
    tokens = max(tokens, rows.longest)
    forward = forward_bytes(model, modules, rows, size=size, tokens=tokens)
    if size < 4:
        forward = max(forward, forward_bytes(model, modules, rows, size=4, tokens=tokens))
    loaded = {
        "Python and libraries": runtime,
        "base model": model.parameters * size,
        "modules": modules.numbers * 4,
    }
    parts = loaded | {
        "base model in float32": model.parameters * 4 if size < 4 else 0,
        # Side by side for the search, and again for its finalists or for the comparison.
        "modules side by side": evaluator_bytes(modules, size, method) + evaluator_bytes(modules, 4, method),
        # Not at the same time.
        "one forward, or a step of tuning": max(forward, tuning_bytes(model, rows, size)),
        "spare": SPARE,
    }
    return JobMemory(parts=parts, loaded=sum(loaded.values()))


def evaluator_bytes(modules: ModuleShapes, size: int, method: str = "deltas") -> int:
    """What an Evaluator holds of its modules: all factors side by side, and those of the active ones once more."""
    if method == "factors":
        one = modules.numbers // max(1, modules.count)
        return modules.numbers * 4 + FACTOR_CANDIDATES * one * (4 + 2 * size)
    return 2 * modules.numbers * size


def forward_bytes(
    model: ModelShapes, modules: ModuleShapes, rows: RowShapes, *, size: int, tokens: int
) -> int:
    """The largest forward of `tokens` tokens: activations, logits, and keys and values while answers are written."""
    picks = rows.answer * max(1, tokens // max(1, rows.longest))
    logits = picks * model.vocabulary * (size + 8 if size < 4 else 8)
    return tokens * token_bytes(model, modules, size) + logits


def tuning_bytes(model: ModelShapes, rows: RowShapes, size: int) -> int:
    """What is kept of a forward for its gradients: states of all layers, and attention of [tokens, tokens] per head.

    The tensors per layer are counted on a Llama; heads are taken to be 64 wide.
    """
    states = size * (10 * model.hidden + 5 * model.widest) + 12 * model.hidden
    attention = -(-model.hidden // 64) * rows.tuned_longest * (2 * size + 4)
    return rows.tuned * rows.tuned_longest * model.blocks * (states + attention)


def token_bytes(model: ModelShapes, modules: ModuleShapes, size: int) -> int:
    """Of one token of a forward.

    Three tensors of the widest layer and four of the hidden size are alive at once, two more in float32 in the norms,
    the modules' inner numbers, the rows of a mask of at most 1,024 tokens, and keys and values, twice while rows leave.
    """
    states = size * (3 * model.widest + 4 * model.hidden + modules.ranks) + 8 * model.hidden
    return states + 1024 * (size + 1) + 2 * model.cached * size


def fitting_tokens(
    model: ModelShapes, modules: ModuleShapes, *, size: int, wanted: int, least: int, available: int
) -> int:
    """Tokens of one forward that fit into `available` bytes: at most `wanted`. Raises too_little_memory below `least`."""
    each = token_bytes(model, modules, size)
    tokens = min(wanted, (available - SPARE) // each)
    if tokens < least:
        raise too_little(SPARE + least * each, available)
    return tokens


def too_little(needed: int, available: int) -> ComposerError:
    return ComposerError(
        f"this composition needs about {gigabytes(needed)} of memory, and {gigabytes(max(0, available))} are free: "
        "take fewer modules, modules of a lower rank, or shorter examples",
        code="too_little_memory",
    )


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def available_memory(limit: int | None = None, root: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may still take: what the machine and its container leave or, if less, what a limit on the
    whole process leaves."""
    free = [psutil.virtual_memory().available]
    if limit is not None:
        free.append(limit - psutil.Process().memory_info().rss)
    for most, used in CGROUPS:
        try:
            # Files in the page cache count as used, but are given up when needed.
            free.append(int((root / most).read_text()) - int((root / used).read_text()) + _file_cache(root))
        except (OSError, ValueError):  # no such file; or "max"
            continue
    return min(free)


def _file_cache(root: Path) -> int:
    for path in (root / "memory.stat", root / "memory/memory.stat"):
        try:
            fields = dict(line.split() for line in path.read_text().splitlines())
        except OSError:
            continue
        return int(fields.get("inactive_file", 0)) + int(fields.get("active_file", 0))
    return 0
