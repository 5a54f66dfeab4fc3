"""Compose, evaluate, train and inspect adapters from the command line.

Progress goes to stderr, one JSON object to stdout. Exit code 2, with a sentence, means that the input is to be changed.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.arguments import make_parser
from composer.errors import ComposerError, SettingsError
from composer.examples import read_examples
from composer.prompts import DEFAULT_TEMPLATE, check_template, instruction_template
from composer.settings import ComposeSettings
from composer.threads import sleep_while_waiting

if TYPE_CHECKING:
    from composer.base_model import BaseModel
    from composer.composition import Progress

EXIT_BAD_INPUT = 2
LONGEST_SHOWN = 20  # answers in the output of `evaluate` and `compose`


def main(arguments: Sequence[str] | None = None) -> int:
    options = make_parser(__doc__ or "", compose, evaluate, train, inspect, export).parse_args(arguments)
    sleep_while_waiting()
    os.environ.setdefault(
        "HF_HUB_OFFLINE", "1"
    )  # nothing is ever fetched: base models and adapters are folders
    logging.captureWarnings(True)
    try:
        result = options.run(options)
    except ComposerError as error:
        _say(f"composer: {error}")
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        _say("composer: interrupted")
        return 130
    json.dump(_plain(result), sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")
    return 0


def compose(options: argparse.Namespace) -> dict[str, Any]:
    """Search a composition of the modules for the examples and write it as a PEFT folder."""
    settings = ComposeSettings(
        method=options.method,
        optimizer=options.optimizer,
        budget=options.budget,
        seed=options.seed,
        rank=options.rank,
        template=_template(options),
        max_new_tokens=options.max_new_tokens,
        max_modules=options.max_modules,
        arms=options.arms,
        tune_steps=options.tune_steps,
    )
    folders: list[Path] = [folder for group in options.module for folder in group]
    examples = read_examples(options.examples)
    holdout = read_examples(options.holdout) if options.holdout else []
    out = _output_folder(options.out)

    from composer.adapter_files import inspect_adapter
    from composer.adapters import load_adapter, save_adapter
    from composer.compose import compose as run

    for folder in folders:
        inspect_adapter(folder)  # before the base model is loaded, which takes longer
    base = _load_base(options.base)
    adapters = [load_adapter(folder, name=_name(folder), base=base) for folder in folders]
    result = run(base, adapters, examples, holdout=holdout, settings=settings, on_progress=_Show())
    save_adapter(
        result.adapter,
        out,
        base_model_id=base.model_id,
        task_type="SEQ_2_SEQ_LM" if base.is_seq2seq else "CAUSAL_LM",
    )
    recipe = result.recipe(
        [
            {"name": adapter.name, "folder": str(folder)}
            for adapter, folder in zip(adapters, folders, strict=True)
        ]
    )
    (out / "recipe.json").write_text(json.dumps(_plain(recipe), ensure_ascii=False, indent=2) + "\n")
    _say(result.verdict["text"])
    return {
        "out": str(out),
        "modules": result.names,
        "weights": result.weights,
        "probes": result.probes,
        "loss": result.loss,
        "start_loss": result.start_loss,
        "loss_after_compression": result.loss_after_compression,
        "compression_error": result.compression_error,
        "rank": result.rank,
        "evaluations": result.evaluations,
        "selection_evaluations": result.selection_evaluations,
        "seconds": result.seconds,
        "timings": result.timings,
        "method": result.method,
        "optimizer": result.optimizer,
        "measured_on": result.measured_on,
        "validation_evaluations": result.validation_evaluations,
        "arms": [_arm(arm.to_json()) for arm in result.arms],
        "contributions": [part.to_json() for part in result.contributions],
        "tuning": result.tuning.to_json() if result.tuning else None,
        "saved": result.saved,
        "verdict": result.verdict,
    }


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Loss and exact match of the base model, or of one adapter on it, on rows."""
    template = _template(options)
    rows = read_examples(options.rows)

    import numpy as np

    from composer.adapters import load_adapter
    from composer.arms import ArmSpec, measure_arms
    from composer.evaluator import Evaluator

    base = _load_base(options.base)
    adapters = (
        [load_adapter(options.adapter, name=_name(options.adapter), base=base)] if options.adapter else []
    )
    began = time.perf_counter()
    _say(f"evaluating {adapters[0].name if adapters else 'the base model'} on {len(rows)} rows")
    spec = ArmSpec(
        "evaluated",
        adapters[0].name if adapters else "Base model",
        np.ones(len(adapters)),
        [1.0] * len(adapters),
    )
    arm = measure_arms(
        Evaluator(base, adapters), [spec], rows, template, max_new_tokens=options.max_new_tokens
    )[0]
    return _arm(arm.to_json()) | {"seconds": time.perf_counter() - began}


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Train a small LoRA on rows and write it as a PEFT folder."""
    rows = read_examples(options.rows)
    out = _output_folder(options.out)

    from composer.tune import TrainSettings, train_adapter

    settings = TrainSettings(
        rank=options.rank,
        alpha=2 * options.rank,
        targets=tuple(options.target or ()),
        steps=options.steps,
        learning_rate=options.learning_rate,
        seed=options.seed,
        template=_template(options),
    )
    base = _load_base(options.base)
    began = time.perf_counter()
    report = train_adapter(
        base, rows, out, settings, on_step=lambda step, loss: _say_step(step, options.steps, loss)
    )
    last = report.losses[-10:]
    return {
        "out": str(out),
        "n": len(rows),
        "steps": report.steps,
        "loss": sum(last) / len(last),
        "first_loss": report.losses[0],
        "seconds": time.perf_counter() - began,
    }


def inspect(options: argparse.Namespace) -> dict[str, Any]:
    """What an adapter folder holds, and whether it can be composed (and fits a base model)."""
    from composer.adapter_files import check_fits, inspect_adapter

    info = inspect_adapter(options.adapter)
    result = {
        "adapter": str(options.adapter),
        "config": asdict(info.config),
        "layers": {name: asdict(shape) for name, shape in info.layers.items()},
        "parameters": info.parameters,
        "dtype": info.dtype,
        "bytes": info.size,
        "composable": info.composable_on_base if options.base else info.composable,
        "needs": info.needs,
        "reason": info.reason,
    }
    if options.base:
        from composer.base_model import describe_base_model

        check_fits(info, describe_base_model(options.base).layers)
        result["fits"] = str(options.base)
    return result


def export(options: argparse.Namespace) -> dict[str, Any]:
    """Write base and adapter as one transformers folder (merged), or the adapter for llama.cpp (gguf)."""
    from composer.adapter_files import inspect_adapter

    gguf = options.format == "gguf"
    if gguf and (options.dtype == "bfloat16" or options.out.exists()):
        raise SettingsError(
            f"{options.out} exists already: choose another --out"
            if options.out.exists()
            else "GGUF adapters are written as float32 or float16"
        )
    info = inspect_adapter(options.adapter)

    import torch

    from composer.adapters import load_adapter
    from composer.base_model import read_model_config
    from composer.export import gguf_lora, merged_model

    # The base model is computed with, so in float32; GGUF needs its weights only where the adapter does.
    base = None if gguf and not info.needs else _load_base(options.base, dtype="float32")
    adapter = load_adapter(options.adapter, name=_name(options.adapter), base=base)
    dtype = getattr(torch, options.dtype)
    if base is not None and not gguf:
        merged_model(base, adapter, _output_folder(options.out), dtype=dtype)
    else:
        gguf_lora(adapter, options.out, read_model_config(options.base), dtype=dtype)
    return {"out": str(options.out), "format": options.format, "dtype": options.dtype, "rank": adapter.rank}


class _Show:
    """Compose's progress as lines on stderr, one per generation or stage."""

    def __call__(self, progress: "Progress") -> None:
        if progress.generation is not None and progress.best_loss is not None:
            _say(f"{progress.evaluations}/{progress.budget} evaluations, best loss {progress.best_loss:.4f}")
        elif progress.message and progress.generation is None:
            _say(progress.message)


def _load_base(folder: Path, dtype: str = "auto") -> "BaseModel":
    _say(f"loading {folder}")

    from transformers.utils import logging as transformers_logging

    from composer.base_model import load_base_model

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    return load_base_model(folder, dtype=dtype)


def _template(options: argparse.Namespace) -> str:
    if options.template and options.instruction:
        raise SettingsError("give --template or --instruction, not both")
    template = options.template or (
        instruction_template(options.instruction) if options.instruction else DEFAULT_TEMPLATE
    )
    check_template(template)
    return str(template)


def _output_folder(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} exists already and is not an empty folder: choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot make the folder {folder}: {error.strerror}") from error
    return folder


def _name(folder: Path) -> str:
    return folder.resolve().name


def _arm(arm: dict[str, Any]) -> dict[str, Any]:
    return arm | {"answers": arm["answers"][:LONGEST_SHOWN]}


def _plain(value: Any) -> Any:
    """The value as JSON can say it: no NaN or infinity, but null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not (value == value and abs(value) != float("inf")):
        return None
    return value


def _say_step(step: int, steps: int, loss: float) -> None:
    if step % 10 == 0 or step == steps:
        _say(f"step {step}/{steps}, loss {loss:.4f}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
