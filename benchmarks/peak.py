"""Predicted against measured peak memory: one job, in a process of its own. Prints one line of JSON.

    python -m benchmarks.peak --base DIR --dtype bfloat16 --modules 20 --rank 16 --candidates 4 --tokens 2048

The process evaluates in the model's dtype and, as a job does, its finalists in float32. Linux only: the peak is VmHWM.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks.reference import random_adapters, random_rows
from composer.base_model import load_base_model
from composer.evaluator import Evaluator
from composer.limits import Limits, predict_job


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--modules", type=int, default=20)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--copies", type=int, default=1, help="of the five rows: 64 examples are about 13")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runtime = psutil.Process().memory_info().rss
    base = load_base_model(options.base, dtype=options.dtype)
    adapters = random_adapters(base, options.rank, count=options.modules)
    rows = [
        replace(row, answer=[(token + k) % 1000 for token in row.answer])
        for k in range(options.copies)
        for row in random_rows(len(base.tokenizer))
    ]
    need = predict_job(base, adapters, rows, tokens=options.tokens, runtime=runtime)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of loading is not the job's
    weights = np.random.default_rng(0).normal(0, 0.1, (options.candidates, options.modules))
    limits = Limits(tokens=options.tokens)
    search = Evaluator(base, adapters, limits=limits)
    search.mean_losses(weights, rows)
    if base.dtype != torch.float32:
        Evaluator(base, adapters, dtype=torch.float32, limits=limits).mean_losses(weights[:3], rows)
    print(json.dumps({**vars(options), "base": "", "predicted": need.total, "measured": peak()}))


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
