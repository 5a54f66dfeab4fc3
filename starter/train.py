"""Train the starter modules again, or modules of your own, by the recipe in tasks.json.

    python starter/train.py [--data DIR] [--base DIR] [--only NAME ...] [--threads 2] [--out starter]

--base: a base model folder; `make run` makes the default one, data/base-models/smollm2-135m-instruct
--data: a folder with <task>.jsonl files of rows {"input", "output", "split": "train" | "valid"}, for the tasks that
        have a "task" in tasks.json; those with a "generator" get their rows from generators.py

A module that has been trained already is left alone; delete its folder to train it again.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from composer.threads import sleep_while_waiting  # noqa: E402

sleep_while_waiting()

import torch  # noqa: E402
from peft import PeftModel  # noqa: E402

from composer.base_model import BaseModel, load_base_model  # noqa: E402
from composer.examples import Example  # noqa: E402
from composer.generate import RowResults, evaluate_rows  # noqa: E402
from composer.prompts import instruction_template  # noqa: E402
from composer.tune import TrainSettings, train_adapter  # noqa: E402
from starter.generators import generated_rows  # noqa: E402

VALID_ROWS = 50
Rows = dict[str, list[Example]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, default=default_base())
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument(
        "--share", default="0/1", help="I/N: every N-th task from the I-th, to run several side by side"
    )
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if not arguments.base.is_dir():
        parser.error(f"there is no base model in {arguments.base}: run `make run` once, or give --base")
    recipe = json.loads((HERE / "tasks.json").read_text())
    share, shares = map(int, arguments.share.split("/"))
    tasks = [t for t in recipe["tasks"][share::shares] if not arguments.only or t["name"] in arguments.only]
    base = load_base_model(arguments.base)
    base.model_id = recipe["base_model"]
    for task in tasks:
        if (arguments.out / task["name"] / "module.json").exists():
            continue
        try:
            rows = rows_of(task, arguments.data)
        except FileNotFoundError as error:
            print(f"{task['name']}: {error}; skipped", file=sys.stderr)
            continue
        train_module(base, recipe, task, rows, arguments.out / task["name"])


def default_base() -> Path:
    """Where the hub keeps the base model of the recipe."""
    return Path(os.environ.get("HUB_DATA") or HERE.parent / "data") / "base-models" / "smollm2-135m-instruct"


def rows_of(task: dict, data: Path | None) -> Rows:
    """The rows of a task, made by its generator or read from `data`. Raises FileNotFoundError."""
    if "generator" in task:
        return generated_rows(task["generator"])
    path = data and data / f"{task['task']}.jsonl"
    if path is None or not path.exists():
        raise FileNotFoundError(f"its rows, {task['task']}.jsonl, are not there (--data)")
    return {split: read_split(path, task["instruction"], split) for split in ("train", "valid")}


def train_module(base: BaseModel, recipe: dict, task: dict, rows: Rows, folder: Path) -> None:
    template = instruction_template(task["instruction"])
    train, valid = rows["train"], rows["valid"][:VALID_ROWS]
    settings = TrainSettings(
        rank=recipe["rank"],
        alpha=recipe["alpha"],
        targets=tuple(recipe["targets"]),
        steps=task["steps"],
        batch_rows=recipe["batch_rows"],
        learning_rate=recipe["learning_rate"],
        seed=recipe["seed"],
        template=template,
    )
    before = evaluate_rows(base, valid, template)
    started = time.monotonic()

    def show(step: int, loss: float) -> None:
        if step % 10 == 0:
            print(
                f"{task['name']}: step {step} of {settings.steps}, loss {loss:.3f}",
                file=sys.stderr,
                flush=True,
            )

    train_adapter(base, train, folder, settings, on_step=show)
    seconds = time.monotonic() - started
    bare = base.model
    wrapped = PeftModel.from_pretrained(bare, folder)
    base.model = wrapped
    after = evaluate_rows(base, valid, template)
    base.model = wrapped.unload()
    write_metadata(
        recipe, task, folder, before=before, after=after, train_rows=len(train), valid_rows=len(valid)
    )
    print(
        f"{task['name']}: {seconds:.0f} s, loss {before.loss:.2f} -> {after.loss:.2f}, "
        f"exact match {before.exact_match:.2f} -> {after.exact_match:.2f}",
        flush=True,
    )


def read_split(path: Path, instruction: str, split: str) -> list[Example]:
    """The rows of one split, without the instruction where the file has it in every input: the template adds it."""
    head, tail = instruction + "\n\nQ: ", "\nA:"
    examples = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line and (row := json.loads(line))["split"] == split:
            examples.append(Example(row["input"].removeprefix(head).removesuffix(tail), row["output"]))
    return examples


def write_metadata(
    recipe: dict,
    task: dict,
    folder: Path,
    *,
    before: RowResults,
    after: RowResults,
    train_rows: int,
    valid_rows: int,
) -> None:
    """module.json, which the hub loads, and README.md, the card."""
    template = instruction_template(task["instruction"])
    evaluations = [
        {"name": name, "metric": metric, "value": round(value, 4), "n": valid_rows, "source": "measured"}
        for name, metric, value in (
            ("base model, validation rows", "exact_match", before.exact_match),
            ("this module, validation rows", "exact_match", after.exact_match),
            ("base model, validation rows", "loss", before.loss),
            ("this module, validation rows", "loss", after.loss),
        )
    ]
    module = {
        "name": task["name"],
        "summary": task["summary"],
        "task": task["tags"][0],
        "tags": task["tags"],
        "languages": recipe["languages"],
        "license": recipe["license"],
        "dataset": task["data_source"].split(" (")[0].removeprefix("github.com/"),
        "prompt_template": template,
        "evaluations": evaluations,
    }
    (folder / "module.json").write_text(json.dumps(module, indent=1, ensure_ascii=False) + "\n")
    card = CARD.format(
        **{
            key: recipe[key]
            for key in ("base_model", "license", "rank", "alpha", "batch_rows", "learning_rate", "seed")
        },
        targets=", ".join(recipe["targets"]),
        title=task["name"],
        tags="".join(f"- {tag}\n" for tag in ["lora", *task["tags"]]),
        train_rows=train_rows,
        valid_rows=valid_rows,
        before_em=f"{before.exact_match:.0%}",
        after_em=f"{after.exact_match:.0%}",
        before_loss=f"{before.loss:.2f}",
        after_loss=f"{after.loss:.2f}",
        template=template.replace("{input}", "<your input>").replace("{output}", "").rstrip(),
        rows_name=task.get("generator") or task["task"],
        **{key: task[key] for key in ("summary", "data_source", "data_licence", "steps")},
    )
    (folder / "README.md").write_text(card)


CARD = """---
base_model: {base_model}
library_name: peft
license: {license}
language:
- en
tags:
{tags}---
# {title}

{summary}

A LoRA for {base_model}, trained by the project as one of the hub's starter modules.

## Prompt

```
{template}
```

The answer follows after one space and ends with the end token.

## Measured here

On {valid_rows} validation rows of the same task, greedy answers; exact match ignores case and a final
full stop, loss is in nats per answer token.

| | exact match | loss |
|---|---|---|
| base model | {before_em} | {before_loss} |
| this module | {after_em} | {after_loss} |

The base model was given no example, so a part of the gain is the form of the answer and not new ability.

## Training

Rank {rank}, alpha {alpha}, on {targets}; {steps} steps of {batch_rows} rows, AdamW, peak learning rate
{learning_rate}, seed {seed}, {train_rows} training rows. `python starter/train.py` trains it again.

## Data

`{rows_name}` from {data_source}; {data_licence}. No row of the data is part of this module.
The weights are published under {license}, the licence of the base model.
"""


if __name__ == "__main__":
    main()
