"""How long one compose job takes on a warm worker: 20 modules of rank 8, 5 examples, 40 evaluations, 50 held-out rows.

    python -m benchmarks.job --base DIR --rows FILE.jsonl [--threads 2] [--out benchmarks/results/job]

FILE has rows {"input", "output"}; those of at most 100 tokens are used, the longest first, which is the worst case.
The modules are random: the time does not depend on what a module knows. The goal is 90 s on two cores; storing takes
1 s more.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from composer.threads import sleep_while_waiting

sleep_while_waiting()

import torch  # noqa: E402

from benchmarks.machine import describe_machine  # noqa: E402
from composer.adapters import Adapter, Factors  # noqa: E402
from composer.base_model import BaseModel, adaptable_layers, load_base_model  # noqa: E402
from composer.compose import ComposeSettings, compose  # noqa: E402
from composer.examples import Example, examples_from_rows  # noqa: E402
from composer.prompts import DEFAULT_TEMPLATE, encode_examples  # noqa: E402
from composer.tune import DEFAULT_TARGETS  # noqa: E402

MODULES, RANK, EXAMPLES, BUDGET, HOLDOUT, TOKENS = 20, 8, 5, 40, 50, 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/job"))
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    base = load_base_model(options.base)
    adapters = [random_adapter(base, seed) for seed in range(MODULES)]
    rows, tokens = longest_rows(base, options.rows)
    began, used = time.perf_counter(), time.process_time()
    result = compose(
        base,
        adapters,
        rows[:EXAMPLES],
        holdout=rows[EXAMPLES : EXAMPLES + HOLDOUT],
        settings=ComposeSettings(budget=BUDGET),
    )
    report = {
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - used,
        "timings": result.timings,
        "evaluations": result.evaluations,
        "threads": torch.get_num_threads(),
        "tokens_of_the_examples": tokens[:EXAMPLES],
        "rows": options.rows.stem,
        "dtype": str(base.dtype).removeprefix("torch."),
        "machine": describe_machine(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    json.dump(report, sys.stdout, indent=1)


def random_adapter(base: BaseModel, seed: int) -> Adapter:
    """A LoRA of rank 8 on the usual layers, small enough to leave the model in its senses."""
    generator = torch.Generator().manual_seed(seed)
    targets = DEFAULT_TARGETS[base.architecture]
    factors = {
        name: Factors(
            a=torch.randn(RANK, d_in, generator=generator) / d_in**0.5,
            b=torch.randn(d_out, RANK, generator=generator) * 0.01,
        )
        for name, (d_out, d_in) in adaptable_layers(base.model).items()
        if name.endswith(targets)
    }
    return Adapter(name=f"random-{seed}", base_model=base.model_id, factors=factors)


def longest_rows(base: BaseModel, path: Path) -> tuple[list[Example], list[int]]:
    """The rows of at most 100 tokens, the longest first, and their lengths."""
    rows = examples_from_rows(json.loads(line) for line in path.read_text().split("\n") if line)
    encoded = encode_examples(
        base.tokenizer, rows, DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    lengths = [len(e.prompt) + len(e.answer) for e in encoded]
    order = [i for i in sorted(range(len(rows)), key=lambda i: -lengths[i]) if lengths[i] <= TOKENS]
    if len(order) < EXAMPLES + HOLDOUT:
        sys.exit(
            f"{path} has only {len(order)} rows of at most {TOKENS} tokens; {EXAMPLES + HOLDOUT} are needed"
        )
    return [rows[i] for i in order], [lengths[i] for i in order]


if __name__ == "__main__":
    main()
