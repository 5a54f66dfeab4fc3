"""Milliseconds per evaluation of one weight vector: ours, the reference's way, and the bare packed forward.

    make bench          # or: python -m benchmarks.evaluator --base DIR [--rounds 5] [--one-thread] [--no-bf16] …

The reference's way is that of the package lorahub 0.1.0, written anew for a causal model: sum the modules' state dicts in
Python, load the sum into a PEFT model, one padded forward with all logits and the loss. The bare forward is ours without
adapters: rows packed into one sequence, their common beginning once, logits at answer positions only.
All variants run in turn, round after round, the order rotated, so that a busy machine slows all of them; figures are medians
over rounds, ratios the medians of the rounds' own. Writes benchmarks/results/evaluator.json and evaluator.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evaluator_table import table
from benchmarks.floor import floor
from benchmarks.machine import describe_machine
from benchmarks.reference import LENGTHS, MODULES, SHARED, Reference, random_adapters, random_rows
from composer.base_model import BaseModel, load_base_model
from composer.batches import pack_rows
from composer.evaluator import PACK_TOKENS, Evaluator
from composer.limits import Limits

RESULTS = Path(__file__).parent / "results"
CANDIDATES = 4  # of one call of ours, as a population method asks
SWEEP = {"fp32": (1, 2, 4), "bf16": (1, 2, 4, 8, 16)}  # candidates of one forward
SETTINGS = ((1, 16), (2, 16), (1, 8))  # threads, rank; the first is the head of the result
PEAKS = (  # arguments of benchmarks.peak
    ["--dtype", "bfloat16"],
    ["--dtype", "float32"],
    ["--dtype", "bfloat16", "--rank", "8"],
    ["--dtype", "bfloat16", "--modules", "64", "--rank", "32"],
    ["--dtype", "float32", "--tokens", "8192", "--candidates", "16"],
    ["--dtype", "bfloat16", "--copies", "13"],
)
RATIOS = (
    ("reference_fp32", "ours_bf16"),
    ("reference_bf16", "ours_bf16"),
    ("reference_fp32", "ours_fp32"),
    ("ours_bf16", "bare_packed_bf16"),
    ("ours_fp32", "bare_packed_fp32"),
    ("ours_6_modules_bf16", "bare_packed_bf16"),
    ("ours_bf16", "bare_packed_one_bf16"),
)
Variants = dict[str, tuple[int, Callable[[], Any]]]  # name -> (evaluations of one call, the call)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True, help="folder of the base model (SmolLM2-135M)")
    parser.add_argument("--one-thread", action="store_true", help="for a busy machine: processor time only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--no-bf16", action="store_true", help="bf16 is emulated, slowly, on older processors"
    )
    parser.add_argument("--no-memory", action="store_true", help="without the runs that measure peak memory")
    options = parser.parse_args()
    settings = [s for s in SETTINGS if s[0] == 1] if options.one_thread else SETTINGS
    for figures in measure(options.base, settings, rounds=options.rounds, bf16=not options.no_bf16):
        write(figures)
    say("timing is over")
    if not options.no_memory:
        figures["memory"] = [peak(options.base, arguments) for arguments in PEAKS]
        write(figures)
    print(table(figures))


def write(figures: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "evaluator.json").write_text(json.dumps(figures, indent=2) + "\n")
    (RESULTS / "evaluator.md").write_text(table(figures))


def measure(
    folder: Path, settings: Sequence[tuple[int, int]], *, rounds: int, bf16: bool
) -> Iterator[dict[str, Any]]:
    """The figures so far, the most wanted first: after the head with its floor, and after each further column."""
    base = load_base_model(folder, dtype="float32")
    dtypes = {"fp32": torch.float32} | ({"bf16": torch.bfloat16} if bf16 else {})
    figures: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    variants: dict[int, Variants] = {}
    losses: dict[str, Any] = {}
    for threads, rank in settings:
        torch.set_num_threads(threads)
        if rank not in variants:
            variants[rank], losses[f"rank {rank}"] = make_variants(base, rank, dtypes)
        name = f"{threads} thread{'s' if threads > 1 else ''}, rank {rank}"
        columns[name] = summary(run_in_turn(variants[rank], rounds, name))
        if not figures:
            figures = {
                **columns[name]["ms"],
                "ratios": columns[name]["ratios"],
                "columns": columns,
                **explain(base, rank, dtypes, rounds),
                "losses": losses,
                "memory": [],
                "setting": {
                    "base": base.model_id,
                    "modules": MODULES,
                    "rank": rank,
                    "rows": len(LENGTHS),
                    "tokens": sum(LENGTHS),
                    "tokens_padded": len(LENGTHS) * max(LENGTHS),
                    "tokens_packed": sum(LENGTHS) - SHARED * (len(LENGTHS) - 1),
                    "candidates_per_call": CANDIDATES,
                    "rounds": rounds,
                },
                "machine": describe_machine(),
            }
        yield figures


def explain(base: BaseModel, rank: int, dtypes: dict[str, torch.dtype], rounds: int) -> dict[str, Any]:
    """What the parts of a forward cost, and what the number of candidates in it changes."""
    adapters, rows = random_adapters(base, rank), random_rows(len(base.tokenizer))
    (pack,) = pack_rows(rows, most_tokens=PACK_TOKENS)
    weights = np.random.default_rng(0).normal(0, 0.1, (max(SWEEP["bf16"]), MODULES))
    floors, sweep = {}, {}
    for name, dtype in dtypes.items():
        wide = Evaluator(base, adapters, dtype=dtype, limits=Limits(tokens=2**16))
        floors[name] = floor(wide, pack, candidates=CANDIDATES, repeats=rounds)
        calls: Variants = {
            str(n): (n, lambda e=wide, w=weights[:n]: e.mean_losses(w, rows)) for n in SWEEP[name]
        }
        times = run_in_turn(calls, min(rounds, 2), f"batch sweep {name}")
        sweep[name] = {n: round(statistics.median(v), 1) for n, v in times.items()}
    return {"floor_ms": floors, "candidates_per_forward_ms": sweep}


def make_variants(
    base: BaseModel, rank: int, dtypes: dict[str, torch.dtype]
) -> tuple[Variants, dict[str, float]]:
    adapters = random_adapters(base, rank)
    upper = random_adapters(base, rank, above=base.model.config.num_hidden_layers * 2 // 3)
    rows = random_rows(len(base.tokenizer))
    weights = np.random.default_rng(0).normal(0, 0.1, (CANDIDATES, MODULES))
    nothing = np.empty((CANDIDATES, 0))
    variants: Variants = {}
    losses: dict[str, float] = {}
    for name, dtype in dtypes.items():
        ours, few, high, bare = (
            Evaluator(base, some, dtype=dtype) for some in (adapters, adapters[:6], upper, [])
        )
        reference = Reference(base, adapters, rows, dtype)
        many: dict[str, Callable[[], Any]] = {
            "ours": lambda e=ours: e.mean_losses(weights, rows),
            "bare_packed": lambda e=bare: e.mean_losses(nothing, rows),
        }
        if name == "bf16":
            many["ours_6_modules"] = lambda e=few: e.mean_losses(weights[:, :6], rows)
            many["ours_upper_third"] = lambda e=high: e.mean_losses(weights, rows)
        one: dict[str, Callable[[], Any]] = {
            "reference": lambda r=reference: r.loss(weights[0]),
            "ours_one_candidate": lambda e=ours: e.mean_losses(weights[:1], rows),
            "bare_packed_one": lambda e=bare: e.mean_losses(nothing[:1], rows),
        }
        variants |= {f"{key}_{name}": (1, call) for key, call in one.items()}
        variants |= {f"{key}_{name}": (CANDIDATES, call) for key, call in many.items()}
        losses[f"reference_{name}"] = reference.loss(weights[0])
        same = Evaluator(base, adapters, method="factors", dtype=dtype)  # the reference's own map
        losses[f"ours_factors_{name}"] = float(same.mean_losses(weights[:1], rows)[0])
        losses[f"ours_{name}"] = float(ours.mean_losses(weights[:1], rows)[0])
    return variants, losses


def run_in_turn(variants: Variants, rounds: int, title: str) -> dict[str, list[float]]:
    """ms per evaluation of each variant in each round, after a first round that warms up."""
    # On one thread processor time is wall time, but for what other programs take.
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for name in names:
        variants[name][1]()
    for number in range(rounds):
        say(f"{title}: round {number + 1} of {rounds}")
        shift = number * len(names) // rounds
        for name in names[shift:] + names[:shift]:
            each, run = variants[name]
            began = clock()
            run()
            times[name].append((clock() - began) / each * 1000)
    return times


def summary(times: dict[str, list[float]]) -> dict[str, Any]:
    pairs = [(a, b) for a, b in RATIOS if a in times and b in times]
    return {
        "ms": {f"{name}_ms": round(statistics.median(v), 1) for name, v in times.items()},
        "lowest_highest_ms": {name: [round(min(v), 1), round(max(v), 1)] for name, v in times.items()},
        "ratios": {
            f"{a} / {b}": round(statistics.median(x / y for x, y in zip(times[a], times[b], strict=True)), 2)
            for a, b in pairs
        },
    }


def peak(base: Path, arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.peak", "--base", str(base), *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    say(f"peak memory: {found}")
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
