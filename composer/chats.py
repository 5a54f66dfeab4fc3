"""Chats as a model's own tokenizer writes them: the Jinja template that comes with it, run by transformers' sandbox."""

import json
from pathlib import Path
from typing import Any

from composer.errors import SettingsError

_MARK = "reply9mark"  # letters and digits: no template changes them


def check_chat(tokenizer: Any) -> None:
    """Raises SettingsError `no_chat_template` if the tokenizer knows no chats."""
    if not getattr(tokenizer, "chat_template", None):
        raise SettingsError(
            "the base model's tokenizer has no chat template: use the plain prompt format",
            code="no_chat_template",
        )


def folder_has_chats(folder: Path | str) -> bool:
    """Whether the base model's folder comes with a chat template; nothing is loaded. True if the folder is not here."""
    folder = Path(folder)
    if not folder.is_dir() or any(folder.glob("chat_template*")):
        return True
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # loading it will tell
    return bool(isinstance(config, dict) and config.get("chat_template"))


def chat_prompt(tokenizer: Any, text: str, system: str = "") -> str:
    """The chat up to where the assistant's turn begins. Without a system text some models put in their own default.

    Raises SettingsError: no_chat_template, or bad_chat with the template's own complaint (some take no system turn).
    """
    check_chat(tokenizer)
    return _render(tokenizer, _turns(text, system), add_generation_prompt=True)


def end_of_turn(tokenizer: Any) -> int | None:
    """The token that the template writes right after an answer; None if that is no token of its own (or nothing)."""
    check_chat(tokenizer)
    turns = [*_turns("Hello", ""), {"role": "assistant", "content": _MARK}]
    after = _render(tokenizer, turns, add_generation_prompt=False).rpartition(_MARK)[2]
    tokens = tokenizer.encode(after, add_special_tokens=False)
    return int(tokens[0]) if tokens and tokens[0] in _special(tokenizer) else None


def _turns(text: str, system: str) -> list[dict[str, str]]:
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": text}]


def _render(tokenizer: Any, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
    from jinja2 import TemplateError

    try:
        return str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=add_generation_prompt)
        )
    except (TemplateError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"the base model's chat template does not take this chat: {error}", code="bad_chat"
        ) from error


def _special(tokenizer: Any) -> set[int]:
    added = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | set(tokenizer.all_special_ids)
