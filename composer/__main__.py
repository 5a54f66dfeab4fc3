"""Compose, evaluate, train, inspect and export LoRA adapters from the command line.

Progress goes to stderr, one JSON object to stdout. Nothing is fetched: base models and adapters are folders.
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
from composer.inputs import output_folder, prompt_of_options, rows_of
from composer.prompts import AUTO_TEMPLATE, PromptFormat
from composer.recorded import recorded_prompt
from composer.settings import ComposeSettings
from composer.terminal import ComposeProgress, TrainProgress, say
from composer.threads import sleep_while_waiting

if TYPE_CHECKING:
    from composer.base_model import BaseModel

EXIT_BAD_FILE, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130
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
        say(f"composer: {error}")
        return EXIT_BAD_INPUT
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        say(f"composer: cannot read or write{where}: {error.strerror or error}")
        return EXIT_BAD_FILE
    except KeyboardInterrupt:
        say("composer: interrupted")
        return EXIT_INTERRUPTED
    json.dump(_plain(result), sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")
    return 0


def compose(options: argparse.Namespace) -> dict[str, Any]:
    """Search a composition of the modules for the examples and write it as a PEFT folder."""
    prompt = prompt_of_options(options) or PromptFormat(AUTO_TEMPLATE)
    settings = ComposeSettings(
        method=options.method,
        optimizer=options.optimizer,
        objective=options.objective,
        budget=options.budget,
        seed=options.seed,
        rank=options.rank,
        template=prompt.template,
        chat=prompt.chat,
        system=prompt.system,
        max_new_tokens=options.max_new_tokens,
        max_modules=options.max_modules,
        arms=options.arms,
        tune_steps=options.tune_steps,
        layer_groups=options.layer_groups,
    )
    folders: list[Path] = [folder for group in options.module for folder in group]
    examples = rows_of(options.examples, options)
    holdout = rows_of(options.holdout, options) if options.holdout else []
    out = output_folder(options.out)

    from composer.adapter_files import inspect_adapter
    from composer.adapters import load_adapter, save_adapter
    from composer.compose import compose as run

    for folder in folders:
        inspect_adapter(folder)  # before the base model is loaded, which takes longer
    base = _load_base(options.base, options.arithmetic)
    adapters = [load_adapter(folder, name=_name(folder), base=base) for folder in folders]
    progress = ComposeProgress(settings.budget)
    try:
        result = run(base, adapters, examples, holdout=holdout, settings=settings, on_progress=progress)
    finally:
        progress.close()
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
    text = json.dumps(_plain(recipe), ensure_ascii=False, indent=2) + "\n"
    (out / "recipe.json").write_text(text, encoding="utf-8")
    say(result.verdict["text"])
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
        "objective": result.objective,
        "prompt": asdict(result.prompt),
        "prompts_tried": result.prompts_tried,
        "measured_on": result.measured_on,
        "validation_evaluations": result.validation_evaluations,
        "arms": [_arm(arm.to_json()) for arm in result.arms],
        "contributions": [part.to_json() for part in result.contributions],
        "tuning": result.tuning.to_json() if result.tuning else None,
        "saved": result.saved,
        "verdict": result.verdict,
    }


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Loss and exact match of the base model, or of one adapter on it, on rows; and option accuracy, if they have any."""
    prompt = prompt_of_options(options)
    if prompt is not None and prompt.template == AUTO_TEMPLATE:
        raise SettingsError("--template auto is for compose; without a template, the adapter's own is used")
    rows = rows_of(options.rows, options)
    if options.adapter:
        from composer.adapter_files import inspect_adapter

        inspect_adapter(options.adapter)  # before the base model is loaded, which takes longer

    import numpy as np

    from composer.adapters import load_adapter
    from composer.arms import ArmSpec, measure_arms
    from composer.evaluator import Evaluator

    base = _load_base(options.base, options.arithmetic)
    adapters = (
        [load_adapter(options.adapter, name=_name(options.adapter), base=base)] if options.adapter else []
    )
    began = time.perf_counter()
    recorded = adapters[0].prompt if adapters else None
    used = prompt or recorded or PromptFormat()
    say(f"evaluating {adapters[0].name if adapters else 'the base model'} on {len(rows)} rows")
    if recorded and used == recorded:
        say(f"with the {'chat' if used.chat else 'prompt'} template that it records: {used.template!r}")
    spec = ArmSpec(
        "evaluated",
        adapters[0].name if adapters else "Base model",
        np.ones(len(adapters)),
        [1.0] * len(adapters),
    )
    arm = measure_arms(Evaluator(base, adapters), [spec], rows, used, max_new_tokens=options.max_new_tokens)[
        0
    ]
    return _arm(arm.to_json()) | {"prompt": asdict(used), "seconds": time.perf_counter() - began}


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Train a small LoRA on rows and write it as a PEFT folder."""
    rows = read_examples(options.rows)
    prompt = prompt_of_options(options) or PromptFormat()
    out = output_folder(options.out)

    from composer.tune import TrainSettings, train_adapter

    settings = TrainSettings(
        rank=options.rank,
        alpha=2 * options.rank,
        targets=tuple(options.target or ()),
        steps=options.steps,
        learning_rate=options.learning_rate,
        seed=options.seed,
        template=prompt,
    )
    base = _load_base(options.base, options.arithmetic)
    began = time.perf_counter()
    report = train_adapter(base, rows, out, settings, on_step=TrainProgress(options.steps))
    about = {
        "prompt_template": prompt.template,
        "prompt_format": "chat" if prompt.chat else "plain",
        "system_prompt": prompt.system,
    }
    (out / "module.json").write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
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
    prompt = recorded_prompt(options.adapter)
    result = {
        "adapter": str(options.adapter),
        "config": asdict(info.config),
        "layers": {name: asdict(shape) for name, shape in info.layers.items()},
        "parameters": info.parameters,
        "dtype": info.dtype,
        "bytes": info.size,
        "composable": info.composable_on_base if options.base else info.composable,
        "needs": info.needs,
        "prompt": asdict(prompt) if prompt else None,
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
        merged_model(base, adapter, output_folder(options.out), dtype=dtype)
    else:
        gguf_lora(adapter, options.out, read_model_config(options.base), dtype=dtype)
    return {"out": str(options.out), "format": options.format, "dtype": options.dtype, "rank": adapter.rank}


def _load_base(folder: Path, dtype: str = "auto") -> "BaseModel":
    say(f"loading {folder}")

    from transformers.utils import logging as transformers_logging

    from composer.base_model import load_base_model

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    return load_base_model(folder, dtype=dtype)


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


if __name__ == "__main__":
    sys.exit(main())
