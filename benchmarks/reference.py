"""What the evaluator is measured against and on: lorahub 0.1.0's way, random modules, random rows."""

import copy
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from composer.adapters import Adapter, Factors, save_adapter
from composer.base_model import BaseModel
from composer.prompts import EncodedRow

MODULES = 20
LENGTHS = (100, 130, 150, 170, 200)  # tokens of the five rows: 750, or 1,000 after padding
SHARED, ANSWER = 45, 4  # tokens that all prompts begin with; of each answer


class Reference:
    """lorahub 0.1.0's evaluation (algorithm.py, get_score and default_get_loss), for a causal model."""

    def __init__(
        self, base: BaseModel, adapters: list[Adapter], rows: list[EncodedRow], dtype: torch.dtype
    ) -> None:
        from peft import PeftModel
        from peft.utils.save_and_load import get_peft_model_state_dict

        self.model: Any = None
        self.cache: list[dict[str, torch.Tensor]] = []
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for index, adapter in enumerate(adapters):
                path = Path(folder) / str(index)
                save_adapter(adapter, path, dtype=torch.float32)
                if self.model is None:
                    self.model = PeftModel.from_pretrained(copy.deepcopy(base.model).to(dtype), path).eval()
                else:
                    self.model.load_adapter(path, adapter_name="next")
                name = "default" if index == 0 else "next"
                state = get_peft_model_state_dict(self.model, adapter_name=name)
                self.cache.append({key: value.clone() for key, value in state.items()})
                if index:
                    self.model.delete_adapter("next")
        width = max(len(row.prompt) + len(row.answer) for row in rows)
        ids, labels = torch.zeros(len(rows), width, dtype=torch.long), torch.full((len(rows), width), -100)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            length = len(row.prompt) + len(row.answer)
            ids[i, :length] = torch.tensor(row.prompt + row.answer)
            labels[i, len(row.prompt) : length] = torch.tensor(row.answer)
            mask[i, :length] = 1
        self.batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def loss(self, weights: np.ndarray) -> float:
        """Of the map (sum w B)(sum w A), mean over all answer tokens."""
        from peft.utils.save_and_load import set_peft_model_state_dict

        final: dict[str, torch.Tensor] = {}
        for index, state in enumerate(self.cache):
            for key in state:
                final[key] = float(weights[index]) * state[key] + (final[key] if index else 0)
        set_peft_model_state_dict(self.model, final)
        with torch.no_grad():
            return float(self.model(**self.batch).loss.float())


def random_adapters(base: BaseModel, rank: int, *, count: int = MODULES, above: int = 0) -> list[Adapter]:
    """LoRAs on q_proj and v_proj of the blocks from number `above` on, of the size of trained ones."""
    generator = torch.Generator().manual_seed(0)
    layers = [(n, m) for n, m in base.model.named_modules() if n.endswith((".q_proj", ".v_proj"))]
    layers = [(n, m) for n, m in layers if int(n.split("layers.")[1].split(".")[0]) >= above]

    def factors(layer: Any) -> Factors:
        a = torch.randn(rank, layer.in_features, generator=generator) * 0.05
        return Factors(a, torch.randn(layer.out_features, rank, generator=generator) * 0.02, 2.0)

    first = Adapter("module0", base.model_id, {name: factors(layer) for name, layer in layers})
    return [first] + [
        replace(first, name=f"module{i}", factors={name: factors(layer) for name, layer in layers})
        for i in range(1, count)
    ]


def random_rows(vocabulary: int) -> list[EncodedRow]:
    """Random tokens: the time does not depend on what they say."""
    random = np.random.default_rng(1)
    shared = random.integers(10, vocabulary, SHARED).tolist()
    return [
        EncodedRow(
            prompt=shared + random.integers(10, vocabulary, length - SHARED - ANSWER).tolist(),
            answer=random.integers(10, vocabulary, ANSWER).tolist(),
        )
        for length in LENGTHS
    ]
