"""What the arguments of the command line mean: prompt formats, rows, folders. Raises SettingsError and ExampleError."""

import argparse
import os
from pathlib import Path

from composer.errors import SettingsError
from composer.examples import Example, check_examples, parse_options, read_examples, with_options
from composer.prompts import AUTO_TEMPLATE, DEFAULT_TEMPLATE, PromptFormat, instruction_template


def prompt_of_options(options: argparse.Namespace) -> PromptFormat | None:
    """The format that was asked for; None if nothing was said about it."""
    if options.template and options.instruction:
        raise SettingsError("give --template or --instruction, not both")
    if not (options.template or options.instruction or options.chat or options.system):
        return None
    template = options.template or (
        instruction_template(options.instruction) if options.instruction else DEFAULT_TEMPLATE
    )
    prompt = PromptFormat(str(template), chat=options.chat, system=options.system)
    if template != AUTO_TEMPLATE:
        prompt.check()
    return prompt


def rows_of(path: Path, options: argparse.Namespace) -> list[Example]:
    """The rows of a file; those without options get the command's."""
    rows = read_examples(path)
    if options.options:
        rows = with_options(rows, parse_options(options.options))
        check_examples(rows)
    return rows


def output_folder(folder: Path) -> Path:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SettingsError(f"{folder} exists already and is not an empty folder: choose another --out")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise SettingsError(f"the folder {folder} cannot be written to: choose another --out")
    return folder
