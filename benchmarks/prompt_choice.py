"""Whether template "auto" helps: rows composed with the plain template, and with the modules' own ones to choose from.

    python -m benchmarks.prompt_choice --base DIR --modules DIR --tasks DIR/upstream DIR/unseen [--out ...]

Tasks are folders of NAME.jsonl with rows {"input", "output", "split"}, the input being "instruction, Q: ..., A:". They are
composed as given, and "bare": the text between Q: and A: alone, as somebody gives it who pastes pairs. Five examples
("train" or "fewshot"), 40 other rows to measure on, one draw a task.
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from composer.threads import sleep_while_waiting

sleep_while_waiting()

import numpy as np  # noqa: E402

from benchmarks.machine import describe_machine  # noqa: E402
from composer.adapters import load_adapter  # noqa: E402
from composer.arms import mean_interval  # noqa: E402
from composer.base_model import load_base_model  # noqa: E402
from composer.compose import ComposeSettings, compose  # noqa: E402
from composer.examples import Example  # noqa: E402

COVERED = (
    "singular_plural",
    "capitalize_word",
    "present_past",
    "second_letter",
    "num_to_verbal",
    "choose_first",
)
UNSEEN = ("adjective_of_three", "animal_of_three", "verb_v_adjective", "fruit_choice_mc", "word_sorting",
          "sports_understanding")  # fmt: skip
EXAMPLES, HOLDOUT, BUDGET = 5, 40, 30


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--modules", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, nargs=2, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/prompt_choice.json"))
    options = parser.parse_args()
    base = load_base_model(options.base)
    adapters = [load_adapter(path.parent) for path in sorted(options.modules.glob("*/adapter_config.json"))]
    runs: list[dict[str, Any]] = []
    cases = [
        *(("covered, bare", options.tasks[0], name, True) for name in COVERED),
        *(("unseen, bare", options.tasks[1], name, True) for name in UNSEEN),
        *(("unseen, as given", options.tasks[1], name, False) for name in UNSEEN),
    ]
    for kind, folder, name, bare in cases:
        examples, holdout = draw(folder / f"{name}.jsonl", bare=bare)
        for template in ("{input} {output}", "auto"):
            settings = ComposeSettings(budget=BUDGET, template=template, max_modules=len(adapters))
            result = compose(base, adapters, examples, holdout=holdout, settings=settings)
            arm = result.arms[-1]
            runs.append(
                {
                    "kind": kind,
                    "task": name,
                    "template": "auto" if template == "auto" else "plain",
                    "loss": arm.loss,
                    "exact_match": arm.exact_match,
                    "chosen": result.prompt.template,
                    "evaluations": result.evaluations + result.selection_evaluations,
                    "seconds": result.seconds,
                }
            )
            sys.stderr.write(json.dumps(runs[-1]) + "\n")
        report = {
            "machine": describe_machine(),
            "modules": len(adapters),
            "runs": runs,
            "summary": summary(runs),
        }
        options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(summary(runs), indent=1))


def draw(path: Path, *, bare: bool) -> tuple[list[Example], list[Example]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    few = [row for row in rows if row["split"] in ("train", "fewshot")]
    rest = [row for row in rows if row["split"] in ("valid", "test")]
    chosen = random.Random(0)
    picked = chosen.sample(few, EXAMPLES), chosen.sample(rest, min(HOLDOUT, len(rest)))
    made = [
        [Example(_bare(row["input"]) if bare else row["input"], row["output"]) for row in part]
        for part in picked
    ]
    return made[0], made[1]


def _bare(text: str) -> str:
    return text.partition("\n\nQ: ")[2].removesuffix("\nA:")


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per kind: means under both templates, and the paired gain in held-out loss with its bootstrap interval over tasks."""
    lines = []
    for kind in dict.fromkeys(run["kind"] for run in runs):
        plain, auto = (
            [run for run in runs if (run["kind"], run["template"]) == (kind, template)]
            for template in ("plain", "auto")
        )
        count = min(len(plain), len(auto))
        gains = np.array([p["loss"] - a["loss"] for p, a in zip(plain[:count], auto[:count], strict=True)])
        if not count:
            continue
        low, high = mean_interval(gains)
        line: dict[str, Any] = {
            "kind": kind,
            "tasks": count,
            "gain": float(gains.mean()),
            "low": low,
            "high": high,
        }
        for name, part in (("plain", plain), ("auto", auto)):
            for figure in ("loss", "exact_match", "evaluations"):
                line[f"{name}_{figure}"] = float(np.mean([run[figure] for run in part]))
        lines.append(line | {"worse": int((gains < -0.01).sum())})
    return lines


if __name__ == "__main__":
    main()
