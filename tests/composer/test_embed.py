"""The sentence model in numpy: equal to the original, deterministic, and of use."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from composer.embed import Embedder, EmbedderError, load_embedder, shared_instruction
from composer.examples import Example

TEXTS = ["Which of the words is an animal?", "word " * 400, "Ünïcode 日本 \n\n x", ""]
CREATURE = [
    Example("Find the living creature.\n\nQ: lamp, otter, brick\nA:", "otter"),
    Example("Find the living creature.\n\nQ: heron, spoon, train\nA:", "heron"),
]


@pytest.fixture
def embedder(sentence_model: Path) -> Embedder:
    return load_embedder(sentence_model)


def test_equals_the_original_model_in_transformers(embedder: Embedder, sentence_model: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    model = BertModel.from_pretrained(sentence_model, attn_implementation="eager").eval()
    tokenizer = Tokenizer.from_file(str(sentence_model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    for text, vector in zip(TEXTS, embedder.embed(TEXTS), strict=True):
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state
        expected = torch.nn.functional.normalize(hidden.mean(dim=1)[0], dim=0)
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-6)


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(embedder: Embedder) -> None:
    together = embedder.embed(TEXTS)
    assert together.shape == (4, 384)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(embedder.embed([text])[0], vector)


def test_meaning_goes_beyond_common_words(embedder: Embedder) -> None:
    animal, number = embedder.embed(["Finds the animal in a list.", "Writes a number in words."])
    creature = embedder.embed_examples(CREATURE)
    assert creature @ animal > creature @ number + 0.2


def test_the_shared_instruction_is_the_line_that_most_inputs_begin_with() -> None:
    assert shared_instruction(CREATURE) == "Find the living creature."
    assert shared_instruction(CREATURE[:1]) == ""
    assert shared_instruction([Example("a", "b"), Example("c", "d")]) == ""


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="does not hold"):
        load_embedder(tmp_path)
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 384}))
    with pytest.raises(EmbedderError, match="BERT"):
        load_embedder(tmp_path)


def test_needs_no_torch(sentence_model: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from composer.embed import load_embedder;"
        f"load_embedder(Path({str(sentence_model)!r})).embed(['x']);"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
