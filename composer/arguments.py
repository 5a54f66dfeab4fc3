"""The arguments of `python -m composer`, without what they do. Torch-free."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from composer.settings import ARMS, METHODS, OBJECTIVES, OPTIMIZERS

EPILOG = """\
examples:
  python -m composer compose --base models/smollm2 --module loras/* --examples five.jsonl --out composed
  python -m composer evaluate --base models/smollm2 --adapter composed --rows test.csv
  python -m composer inspect composed --base models/smollm2

exit codes: 0 done; 2 the input is to be changed, a sentence says how; 1 a file could not be read or written;
130 interrupted
"""
ROWS = "JSONL, CSV, or lines: input => output"

Command = Callable[[argparse.Namespace], dict[str, Any]]


def make_parser(
    description: str, compose: Command, evaluate: Command, train: Command, inspect: Command, export: Command
) -> argparse.ArgumentParser:
    """The parser; it sets `run` to the function of the command that was chosen."""
    parser = argparse.ArgumentParser(
        prog="python -m composer",
        description=description,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        added.set_defaults(run=run)
        return added

    def prompts(added: argparse.ArgumentParser, default: str) -> None:
        group = added.add_argument_group("prompt format")
        group.add_argument(
            "--template", default="", help=f"prompt with {{input}} and, last, {{output}}; default {default}"
        )
        group.add_argument(
            "--instruction", default="", help="short for the template: instruction, Q: {input}, A: {output}"
        )
        group.add_argument(
            "--chat", action="store_true", help="as a chat, in the form of the base model's own tokenizer"
        )
        group.add_argument("--system", default="", metavar="TEXT", help="system's turn of a chat")

    def base(added: argparse.ArgumentParser, *, dtype: bool = True) -> None:
        added.add_argument("--base", type=Path, required=True, metavar="DIR", help="folder of the base model")
        if dtype:
            added.add_argument(
                "--arithmetic",
                choices=("auto", "float32", "bfloat16"),
                default="auto",
                help="of the base model; auto: bfloat16 where the processor multiplies it",
            )

    def rows(added: argparse.ArgumentParser, name: str, what: str, *, required: bool = True) -> None:
        added.add_argument(name, type=Path, required=required, metavar="FILE", help=f"{what}: {ROWS}")

    def options(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--options",
            default="",
            metavar="A;B",
            help="answers to choose from, for rows that name none of their own; their likelihoods are ranked",
        )

    added = command(compose)
    base(added)
    added.add_argument(
        "--module",
        type=Path,
        required=True,
        action="append",
        nargs="+",
        metavar="DIR",
        help="PEFT LoRA folder; several, or repeat",
    )
    rows(added, "--examples", "the task")
    rows(added, "--holdout", "rows to measure on, not used for the search", required=False)
    options(added)
    added.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the composed adapter goes; new or empty"
    )
    added.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="default auto: deltas; faithful: lorahub 0.1.0 with its quirks",
    )
    added.add_argument("--optimizer", choices=OPTIMIZERS, default="auto", help="default auto: probe")
    added.add_argument(
        "--objective", choices=OBJECTIVES, default="loss", help="what the search minimises; default loss"
    )
    added.add_argument("--budget", type=int, default=40, help="evaluations of the search; default 40")
    added.add_argument("--seed", type=int, default=0, help="equal seeds give equal results; default 0")
    added.add_argument("--rank", type=int, default=16, help="of the result; raised where it would cost loss")
    added.add_argument(
        "--max-modules", type=int, default=20, help="of more modules, the best so many are composed"
    )
    added.add_argument("--max-new-tokens", type=int, default=32, help="of an answer; default 32")
    added.add_argument(
        "--arms",
        choices=ARMS,
        default="full",
        help="what to compare with; full adds in-context learning, random modules and a LoRA tuned on the examples",
    )
    added.add_argument(
        "--tune-steps",
        type=int,
        default=0,
        help="tune the result on the examples afterwards, at most so many steps, stopped early; default 0: not at all",
    )
    added.add_argument(
        "--layer-groups",
        type=int,
        default=0,
        help="a weight for each of so many groups of a module's layers in the second half of the search; default 0: three "
        "from a budget of 100 on, else 1",
    )
    prompts(added, 'auto: "{input} {output}", or one that the modules record if the examples fit it better')

    added = command(evaluate)
    base(added)
    added.add_argument(
        "--adapter", type=Path, metavar="DIR", help="PEFT LoRA folder; none: the bare base model"
    )
    rows(added, "--rows", "the rows")
    options(added)
    added.add_argument("--max-new-tokens", type=int, default=32, help="of an answer; default 32")
    prompts(added, 'the one that the adapter records, else "{input} {output}"')

    added = command(train)
    base(added)
    rows(added, "--rows", "the rows")
    added.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    added.add_argument("--rank", type=int, default=8, help="default 8; alpha is twice the rank")
    added.add_argument(
        "--target",
        action="append",
        metavar="LAYER",
        help="layer name, as q_proj; repeat; default by architecture",
    )
    added.add_argument("--steps", type=int, default=100, help="of 8 rows each; default 100")
    added.add_argument("--learning-rate", type=float, default=2e-3, help="the peak; default 0.002")
    added.add_argument("--seed", type=int, default=0, help="default 0")
    prompts(added, '"{input} {output}"')

    added = command(inspect)
    added.add_argument("adapter", type=Path, metavar="DIR", help="PEFT folder")
    added.add_argument("--base", type=Path, metavar="DIR", help="also check that it fits this base model")

    added = command(export)
    base(added, dtype=False)
    added.add_argument("--adapter", type=Path, required=True, metavar="DIR", help="PEFT folder")
    added.add_argument("--format", choices=("merged", "gguf"), required=True)
    added.add_argument("--out", type=Path, required=True, help="new or empty folder; for gguf, a new file")
    added.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    return parser
