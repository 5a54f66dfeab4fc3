"""JSON from strangers: parsed once, with everything refused that would hurt later.

Python's json accepts NaN, 1e999 (infinity), NUL and lone surrogates in strings (PostgreSQL does not), and duplicate keys.
"""

import json
import math
from collections.abc import Callable

from composer.errors import AdapterError

MAX_DEPTH = 64


def parse_json(data: bytes, name: str, *, duplicate_code: str = "bad_json") -> object:
    """The value in `data`; `name` is the file as the user knows it.

    Raises AdapterError `bad_json`; a key given twice has `duplicate_code`.
    """

    def bad(why: str) -> AdapterError:
        return AdapterError(f"{name} is not valid JSON: {why}.", code="bad_json")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise AdapterError(f"{name} has the key {shown(twice)} twice.", code=duplicate_code)
        return result

    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse(bad),
            parse_float=_finite(bad),
            object_pairs_hook=unique,
        )
    except UnicodeDecodeError:
        raise bad("the text is not UTF-8") from None
    except RecursionError:
        raise bad("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise bad(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # an integer of thousands of digits
        raise bad("it has a number with too many digits") from None
    _check(value, bad)
    return value


def shown(value: object, limit: int = 80) -> str:
    """A user's value as one short printable ASCII-safe piece of an error message."""
    text = ascii(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _refuse(bad: Callable[[str], AdapterError]) -> Callable[[str], object]:
    def refuse(word: str) -> object:
        raise bad(f"{word} is not a number in JSON")

    return refuse


def _finite(bad: Callable[[str], AdapterError]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise bad(f"the number {text[:20]} is too large")
        return number

    return parse


def _check(value: object, bad: Callable[[str], AdapterError]) -> None:
    """Refuse deep nesting, NUL and lone surrogates anywhere in the value."""
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise bad("it is nested too deeply")
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item, bad)
            elif isinstance(item, dict):
                for key in item:
                    _check_text(key, bad)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level, depth = below, depth + 1


def _check_text(text: str, bad: Callable[[str], AdapterError]) -> None:
    if text.isascii():
        if "\0" in text:
            raise bad("a text in it has a NUL character")
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise bad("a text in it has half of a surrogate pair") from None
    if "\0" in text:
        raise bad("a text in it has a NUL character")
