"""The arguments of `python -m composer`, without what they do. Torch-free."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from composer.settings import ARMS, METHODS, OPTIMIZERS

Command = Callable[[argparse.Namespace], dict[str, Any]]


def make_parser(
    description: str, compose: Command, evaluate: Command, train: Command, inspect: Command, export: Command
) -> argparse.ArgumentParser:
    """The parser; it sets `run` to the function of the command that was chosen."""
    parser = argparse.ArgumentParser(prog="python -m composer", description=description)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        added.set_defaults(run=run)
        return added

    def prompts(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--template",
            default="",
            help='prompt with {input} and, last, {output}; default "{input} {output}"',
        )
        added.add_argument(
            "--instruction", default="", help="short for the template: instruction, Q: {input}, A: {output}"
        )

    added = command(compose)
    added.add_argument("--base", type=Path, required=True, metavar="DIR", help="folder of the base model")
    added.add_argument(
        "--module",
        type=Path,
        required=True,
        action="append",
        nargs="+",
        metavar="DIR",
        help="PEFT LoRA folder; several, or repeat",
    )
    added.add_argument(
        "--examples", type=Path, required=True, metavar="FILE", help="JSONL, CSV, or lines: input => output"
    )
    added.add_argument(
        "--holdout", type=Path, metavar="FILE", help="rows to measure on, not used for the search"
    )
    added.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the composed adapter goes; new or empty"
    )
    added.add_argument("--method", choices=METHODS, default="auto")
    added.add_argument("--optimizer", choices=OPTIMIZERS, default="auto")
    added.add_argument("--budget", type=int, default=40, help="evaluations of the search; default 40")
    added.add_argument("--seed", type=int, default=0)
    added.add_argument("--rank", type=int, default=16, help="of the result; raised where it would cost loss")
    added.add_argument(
        "--max-modules", type=int, default=20, help="of more modules, the best so many are composed"
    )
    added.add_argument("--max-new-tokens", type=int, default=32)
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
    prompts(added)

    added = command(evaluate)
    added.add_argument("--base", type=Path, required=True, metavar="DIR")
    added.add_argument(
        "--adapter", type=Path, metavar="DIR", help="PEFT LoRA folder; none: the bare base model"
    )
    added.add_argument("--rows", type=Path, required=True, metavar="FILE")
    added.add_argument("--max-new-tokens", type=int, default=32)
    prompts(added)

    added = command(train)
    added.add_argument("--base", type=Path, required=True, metavar="DIR")
    added.add_argument("--rows", type=Path, required=True, metavar="FILE")
    added.add_argument("--out", type=Path, required=True, metavar="DIR")
    added.add_argument("--rank", type=int, default=8)
    added.add_argument(
        "--target",
        action="append",
        metavar="LAYER",
        help="layer name, as q_proj; repeat; default by architecture",
    )
    added.add_argument("--steps", type=int, default=100)
    added.add_argument("--learning-rate", type=float, default=2e-3)
    added.add_argument("--seed", type=int, default=0)
    prompts(added)

    added = command(inspect)
    added.add_argument("adapter", type=Path, metavar="DIR")
    added.add_argument("--base", type=Path, metavar="DIR", help="also check that it fits this base model")

    added = command(export)
    added.add_argument("--base", type=Path, required=True, metavar="DIR")
    added.add_argument("--adapter", type=Path, required=True, metavar="DIR", help="PEFT folder")
    added.add_argument("--format", choices=("merged", "gguf"), required=True)
    added.add_argument("--out", type=Path, required=True, help="new or empty folder; for gguf, a new file")
    added.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    return parser
