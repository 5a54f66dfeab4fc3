"""The prompt format that a module's own files record, so that it is asked the way it was trained. Torch-free.

recorded_prompt(folder) reads, in this order and as far as they are there:

    recipe.json     "settings": {"template", "chat", "system"} of a composition
    module.json     "prompt_template", "prompt_format", "system_prompt", as the hub's folders say it
    README.md       the same words in the front matter; else the first fenced block with {input} and {output}

What is malformed is passed over: a card is text for people, and never stops a module from being used.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from composer.errors import ComposerError
from composer.prompts import PromptFormat

MAX_BYTES = 256 * 1024
_FRONT_MATTER = re.compile(r"---\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", re.DOTALL)
_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)\n\1[ \t]*$", re.DOTALL | re.MULTILINE)


def recorded_prompt(folder: Path | str) -> PromptFormat | None:
    """The prompt format that the adapter folder records, or None."""
    folder = Path(folder)
    recipe = _json(folder / "recipe.json").get("settings")
    if isinstance(recipe, Mapping) and (found := _checked(recipe, "template", "chat", "system")):
        return found
    if found := prompt_of(_json(folder / "module.json")):
        return found
    return _of_card(_text(folder / "README.md"))


def prompt_of(words: Mapping[str, Any]) -> PromptFormat | None:
    """The format that "prompt_template", "prompt_format" and "system_prompt" of a module's metadata say, or None."""
    return _checked(words, "prompt_template", "prompt_format", "system_prompt")


def _of_card(text: str) -> PromptFormat | None:
    if match := _FRONT_MATTER.match(text):
        try:
            data = yaml.safe_load(match[1])
        except (yaml.YAMLError, ValueError, RecursionError):
            data = None
        if isinstance(data, Mapping) and (found := prompt_of(data)):
            return found
        text = text[match.end() :]
    blocks = (block.replace("\r\n", "\n") for _, block in _FENCED.findall(text))
    return next((found for block in blocks if (found := _checked({"t": block}, "t", "", ""))), None)


def _checked(words: Mapping[str, Any], template: str, chat: str, system: str) -> PromptFormat | None:
    values = words.get(template), words.get(chat), words.get(system) or ""
    if not isinstance(values[0], str) or not isinstance(values[2], str):
        return None
    found = PromptFormat(values[0], chat=values[1] is True or values[1] == "chat", system=values[2])
    try:
        found.check()
    except ComposerError:
        return None
    return found


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _text(path: Path) -> str:
    """The file's text; empty if it is missing, too large or not UTF-8."""
    try:
        if path.is_symlink() or path.stat().st_size > MAX_BYTES:
            return ""
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
