"""What a text is about, as a vector: the sentence model all-MiniLM-L6-v2 in numpy. No torch, so the web may use it too.

    embedder = load_embedder(folder)
    vectors = embedder.embed(["Finds the animal in a list of words."])  # [1, 384], length 1: a dot product is a cosine

A text's vector depends on that text alone, not on those embedded with it. A module's words took 40 ms on one slow, busy core,
and loading the model 0.15 s, where importing torch takes seconds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import ComposerError
from composer.examples import Example
from composer.strict_json import parse_json

SIZE = 384  # numbers of a vector
MOST_TOKENS = 256  # of a text, as the model was trained; the rest is left out
MOST_CHARACTERS = 4_000
MOST_EXAMPLES = 8
FILES = ("model.safetensors", "tokenizer.json", "config.json")
INSTRUCTION_SHARE = 0.5  # of the examples' vector, where they share an instruction

Vectors = NDArray[np.float32]


class EmbedderError(ComposerError):
    """The folder holds no sentence model of the kind that is read here."""


class Embedder:
    """A BERT encoder with mean pooling (sentence-transformers/all-MiniLM-L6-v2; arXiv:1810.04805, arXiv:1908.10084)."""

    def __init__(
        self, tensors: Mapping[str, Any], tokenizer: Any, *, layers: int, heads: int, epsilon: float
    ):
        self.tensors, self.tokenizer = tensors, tokenizer
        self.layers, self.heads, self.epsilon = layers, heads, epsilon

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, [n, 384], each of length 1."""
        vectors = np.empty((len(texts), SIZE), dtype=np.float32)
        for number, text in enumerate(texts):
            vectors[number] = self._one(text)
        return vectors

    def embed_rows(self, examples: Sequence[Example]) -> Vectors:
        """One vector a row, input and output together, [n, 384], each of length 1; of the first 8 rows."""
        return self.embed(
            [f"{e.input[:MOST_CHARACTERS]} {e.output[:MOST_CHARACTERS]}" for e in examples[:MOST_EXAMPLES]]
        )

    def embed_examples(self, examples: Sequence[Example]) -> Vectors:
        """What the examples are about, [384], of length 1: the mean of the rows' vectors, and that of the instruction which
        they begin with if they share one. The first 8 examples are looked at."""
        return self.embed_task(examples, self.embed_rows(examples))

    def embed_task(self, examples: Sequence[Example], rows: Vectors) -> Vectors:
        """embed_examples() where embed_rows() has been computed already."""
        instruction = shared_instruction(examples)
        vector = normalised(rows.mean(axis=0))
        if instruction:
            share = self.embed([instruction])[0]
            vector = normalised(INSTRUCTION_SHARE * share + (1 - INSTRUCTION_SHARE) * vector)
        return vector

    def _one(self, text: str) -> Vectors:
        ids = self.tokenizer.encode(text[:MOST_CHARACTERS]).ids
        get = self.tensors.__getitem__
        x = get("embeddings.word_embeddings.weight")[ids]  # [tokens, 384]
        x = x + get("embeddings.position_embeddings.weight")[: len(ids)]
        x = x + get("embeddings.token_type_embeddings.weight")[0]
        x = self._norm(x, "embeddings")
        for layer in range(self.layers):
            x = self._layer(x, f"encoder.layer.{layer}.")
        return normalised(x.mean(axis=0))

    def _layer(self, x: Vectors, name: str) -> Vectors:
        tokens = len(x)
        q, k, v = (
            self._linear(x, f"{name}attention.self.{part}").reshape(tokens, self.heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )  # [heads, tokens, head_size]
        scores = q @ k.swapaxes(1, 2) / np.float32(np.sqrt(q.shape[2]))
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        mixed = (scores / scores.sum(axis=2, keepdims=True)) @ v
        mixed = mixed.swapaxes(0, 1).reshape(tokens, -1)
        x = self._norm(x + self._linear(mixed, f"{name}attention.output.dense"), f"{name}attention.output")
        wide = _gelu(self._linear(x, f"{name}intermediate.dense"))
        return self._norm(x + self._linear(wide, f"{name}output.dense"), f"{name}output")

    def _linear(self, x: Vectors, name: str) -> Vectors:
        result: Vectors = x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]
        return result

    def _norm(self, x: Vectors, name: str) -> Vectors:
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(self.epsilon))
        result: Vectors = (
            x * self.tensors[f"{name}.LayerNorm.weight"] + self.tensors[f"{name}.LayerNorm.bias"]
        )
        return result


def is_embedder(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


@lru_cache(maxsize=1)
def load_embedder(folder: Path) -> Embedder:
    """The sentence model in this folder, read once per process (90 MB). Raises EmbedderError, also if files are damaged."""
    if not is_embedder(folder):
        raise EmbedderError(f"{folder} does not hold {', '.join(FILES)}", code="no_embedder")
    try:
        embedder = _read(folder)
        trial = embedder.embed(["a word"])  # misses no tensor
    except EmbedderError:
        raise
    except Exception as error:  # tokenizers and safetensors raise classes of their own, or Exception itself
        raise EmbedderError(f"{folder} holds damaged files ({error})", code="no_embedder") from error
    if not np.isfinite(trial).all():
        raise EmbedderError(f"{folder} holds numbers that are not finite", code="no_embedder")
    return embedder


def _read(folder: Path) -> Embedder:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    config = parse_json((folder / "config.json").read_bytes(), "config.json")
    if not isinstance(config, dict) or (config.get("model_type"), config.get("hidden_size")) != (
        "bert",
        SIZE,
    ):
        raise EmbedderError(f"{folder} does not hold a BERT of width {SIZE}", code="no_embedder")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    return Embedder(
        load_file(folder / "model.safetensors"),
        tokenizer,
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
    )


def shared_instruction(examples: Sequence[Example]) -> str:
    """The lines that most of the inputs begin with; empty if there are none."""
    first: Counter[str] = Counter()
    for example in examples:
        head = example.input.strip().split("\n", 1)[0].strip()
        if head:
            first[head] += 1
    if not first or len(examples) < 2:
        return ""
    line, count = first.most_common(1)[0]
    return line[:MOST_CHARACTERS] if count > len(examples) / 2 else ""


def normalised(vector: Vectors) -> Vectors:
    result: Vectors = (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
    return result


def _gelu(x: Vectors) -> Vectors:
    from scipy.special import erf  # type: ignore[import-untyped]

    result: Vectors = x * (np.float32(0.5) * (np.float32(1) + erf(x / np.float32(np.sqrt(2)))))
    return result
