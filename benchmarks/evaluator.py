"""Milliseconds per evaluation of one weight vector: ours, the reference's way, and the bare packed forward.

    python -m benchmarks.evaluator --base DIR [--quick] [--no-bf16] [--cpu-time]

The reference's way is that of the package lorahub 0.1.0, written anew for a causal model: sum the modules' state dicts in
Python, load the sum into a PEFT model, one padded forward with all logits and the loss. The bare forward is ours without
adapters: rows packed into one sequence, their common beginning once, logits at answer positions only.
All variants run in turn, round after round, so that a busy machine slows all of them; figures are medians over rounds.
Writes benchmarks/results/evaluator.json and evaluator.md.
"""

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import describe_machine
from composer.adapters import Adapter, Factors, save_adapter
from composer.base_model import BaseModel, load_base_model
from composer.evaluator import Evaluator
from composer.prompts import EncodedRow

RESULTS = Path(__file__).parent / "results"
MODULES, RANK = 20, 8
LENGTHS = (100, 130, 150, 170, 200)  # tokens of the five rows: 750, or 1,000 after padding
SHARED, ANSWER = 45, 4  # tokens that all prompts begin with; of each answer
CANDIDATES = 4  # of one call of ours, as a population method asks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True, help="folder of the base model (SmolLM2-135M)")
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    parser.add_argument(
        "--no-bf16", action="store_true", help="float32 only: bf16 is emulated, slowly, on older processors"
    )
    parser.add_argument(
        "--cpu-time", action="store_true", help="count processor time, for a busy machine (use one thread)"
    )
    options = parser.parse_args()
    figures = measure(
        options.base, rounds=1 if options.quick else 5, bf16=not options.no_bf16, cpu_time=options.cpu_time
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "evaluator.json").write_text(json.dumps(figures, indent=2) + "\n")
    (RESULTS / "evaluator.md").write_text(table(figures))
    print(table(figures))


def measure(folder: Path, *, rounds: int, bf16: bool, cpu_time: bool = False) -> dict[str, Any]:
    clock = time.process_time if cpu_time else time.perf_counter
    base = load_base_model(folder, dtype="float32")
    adapters = random_adapters(base)
    rows = random_rows(len(base.tokenizer))
    weights = np.random.default_rng(0).normal(0, 0.1, (CANDIDATES, MODULES))
    variants: dict[str, Callable[[], Any]] = {}
    losses: dict[str, float] = {}
    for name, dtype in [("fp32", torch.float32)] + ([("bf16", torch.bfloat16)] if bf16 else []):
        ours = Evaluator(base, adapters, dtype=dtype)
        few = Evaluator(base, adapters[:6], dtype=dtype)
        bare = Evaluator(base, [], dtype=dtype)
        reference = Reference(base, adapters, rows, dtype)
        variants[f"reference_{name}_ms"] = lambda r=reference: r.loss(weights[0])
        variants[f"ours_{name}_ms"] = lambda e=ours: e.mean_losses(weights, rows)
        variants[f"ours_6_modules_{name}_ms"] = lambda e=few: e.mean_losses(weights[:, :6], rows)
        variants[f"ours_one_candidate_{name}_ms"] = lambda e=ours: e.mean_losses(weights[:1], rows)
        variants[f"bare_packed_{name}_ms"] = lambda e=bare: e.mean_losses(np.empty((CANDIDATES, 0)), rows)
        losses[f"reference_{name}"] = reference.loss(weights[0])
        same = Evaluator(base, adapters, method="factors", dtype=dtype)
        losses[f"ours_factors_{name}"] = float(
            same.mean_losses(weights[:1], rows)[0]
        )  # the reference's own map
        losses[f"ours_{name}"] = float(ours.mean_losses(weights[:1], rows)[0])
    times: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        for name, run in variants.items():
            each = 1 if name.startswith(("reference", "ours_one")) else CANDIDATES
            began = clock()
            run()
            times[name].append((clock() - began) / each * 1000)
            print(f"round {number + 1}/{rounds}  {name:32} {times[name][-1]:9.1f}", file=sys.stderr)
    figures: dict[str, Any] = {name: round(statistics.median(values), 1) for name, values in times.items()}
    pairs = [("reference_fp32", "ours_fp32"), ("ours_fp32", "bare_packed_fp32")]
    if bf16:
        pairs += [
            ("reference_fp32", "ours_bf16"),
            ("reference_bf16", "ours_bf16"),
            ("ours_bf16", "bare_packed_bf16"),
        ]
    figures["ratios"] = {
        # The median of the rounds' own ratios: both sides of one ratio ran within seconds of each other.
        f"{a} / {b}": round(
            statistics.median(x / y for x, y in zip(times[f"{a}_ms"], times[f"{b}_ms"], strict=True)), 2
        )
        for a, b in pairs
    }
    figures["losses"] = losses
    figures["setting"] = {
        "base": base.model_id,
        "modules": MODULES,
        "rank": RANK,
        "rows": len(rows),
        "tokens": sum(LENGTHS),
        "tokens_padded": len(LENGTHS) * max(LENGTHS),
        "tokens_packed": sum(LENGTHS) - SHARED * (len(LENGTHS) - 1),
        "candidates_per_call": CANDIDATES,
        "rounds": rounds,
        "clock": "processor time" if cpu_time else "wall time",
    }
    figures["machine"] = describe_machine()
    return figures


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


def random_adapters(base: BaseModel) -> list[Adapter]:
    """20 LoRAs of rank 8 on q_proj and v_proj, of the size of trained ones."""
    generator = torch.Generator().manual_seed(0)
    layers = [(n, m) for n, m in base.model.named_modules() if n.endswith((".q_proj", ".v_proj"))]

    def factors(layer: Any) -> Factors:
        a = torch.randn(RANK, layer.in_features, generator=generator) * 0.05
        return Factors(a, torch.randn(layer.out_features, RANK, generator=generator) * 0.02, 2.0)

    first = Adapter("module0", base.model_id, {name: factors(layer) for name, layer in layers})
    return [first] + [
        replace(first, name=f"module{i}", factors={name: factors(layer) for name, layer in layers})
        for i in range(1, MODULES)
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


def table(figures: dict[str, Any]) -> str:
    setting, machine = figures["setting"], figures["machine"]
    lines = [
        f"{setting['base']}, {setting['modules']} modules of rank {setting['rank']}, {setting['rows']} examples "
        f"({setting['tokens']} tokens; {setting['tokens_padded']} padded; {setting['tokens_packed']} packed).",
        f"{machine['processor']}, {machine['threads']} threads, load {machine['load_1min']}, torch {machine['torch']}, "
        f"{setting['clock']}, median of {setting['rounds']} rounds.",
        "",
        "| | ms per evaluation |",
        "|---|---|",
        *[
            f"| {name.removesuffix('_ms').replace('_', ' ')} | {value} |"
            for name, value in figures.items()
            if name.endswith("_ms")
        ],
        "",
        "| ratio | |",
        "|---|---|",
        *[f"| {name.replace('_', ' ')} | {value} |" for name, value in figures["ratios"].items()],
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
