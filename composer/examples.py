"""The (input, output) pairs that describe a task, with their answer options: read, check, identify. Torch-free."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from composer.errors import ExampleError

MAX_EXAMPLES = 1_000
MAX_CHARACTERS = 20_000  # of one input or output; about 5,000 tokens
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_OPTIONS = 64
ARROW = "=>"
OPTIONS_MARK = "| options:"


@dataclass(frozen=True, slots=True)
class Example:
    """One few-shot pair. Both fields are the verbatim text; a prompt template is applied later.

    options: the answers to choose from, `output` among them; empty where the answer is free.
    """

    input: str
    output: str
    options: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """{"input", "output"}, and "options" where there are any."""
        row: dict[str, Any] = {"input": self.input, "output": self.output}
        return row | {"options": list(self.options)} if self.options else row


def parse_examples(text: str) -> list[Example]:
    r"""The examples in `text`, in any of these formats: JSONL, a JSON list, CSV with a header, `input => output` lines.

    Rows may carry the answers to choose from: "options" in JSON, a column `options` with a JSON list in CSV, and
    `input => output | options: a; b; c` in lines. In lines the characters `\n` stand for a line break.
    Raises ExampleError naming the line and the field.
    """
    if len(text) > MAX_FILE_BYTES:
        raise ExampleError(f"the examples are longer than {MAX_FILE_BYTES // 1024 // 1024} MiB")
    text = text.removeprefix("\ufeff")
    stripped = text.strip()
    if not stripped:
        raise ExampleError("there are no examples yet: write one per line as  input => output")
    if stripped[0] == "[":
        examples = _from_json_list(stripped)
    elif stripped[0] == "{":
        examples = _from_jsonl(text)
    elif _is_csv(stripped):
        examples = _from_csv(stripped)
    else:
        examples = _from_arrows(text)
    check_examples(examples)
    return examples


def read_examples(path: Path | str) -> list[Example]:
    """The examples in a UTF-8 file of any format that `parse_examples` reads. Raises ExampleError."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ExampleError(f"{path.name} is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
        return parse_examples(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExampleError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ExampleError(f"{path.name} is not UTF-8 text") from error


def check_examples(examples: Sequence[Example], *, maximum: int = MAX_EXAMPLES) -> None:
    """Raises ExampleError if there are none, too many, or one is empty or too long. Rows are counted from 1."""
    if not examples:
        raise ExampleError("there are no examples")
    if len(examples) > maximum:
        raise ExampleError(f"there are {len(examples)} examples; at most {maximum} are allowed")
    for number, example in enumerate(examples, start=1):
        for field, value in (("input", example.input), ("output", example.output)):
            if not value.strip():
                raise ExampleError(f'example {number} has no "{field}"')
            if len(value) > MAX_CHARACTERS:
                raise ExampleError(f'example {number}: "{field}" is longer than {MAX_CHARACTERS} characters')
            if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise ExampleError(f'example {number}: "{field}" has characters that are not text')
        if example.options:
            _check_options(example, f"example {number}")


def parse_options(text: str) -> tuple[str, ...]:
    """The options in `text`: a JSON list of strings, or parts with semicolons between. Raises ExampleError."""
    text = text.strip()
    if not text.startswith("["):
        return tuple(part.strip() for part in text.split(";") if part.strip())
    return _options_of(_load_json(text, "the list of options"), "the list of options")


def with_options(examples: Sequence[Example], options: Sequence[str]) -> list[Example]:
    """The examples; those that have no options of their own get these."""
    return [e if e.options else replace(e, options=tuple(options)) for e in examples]


def majority_share(examples: Sequence[Example]) -> float:
    """The share of rows whose answer is the most frequent one: what saying always the same would get."""
    counts = Counter(example.output.strip().lower() for example in examples)
    return max(counts.values()) / len(examples)


def examples_from_rows(rows: Iterable[Any], *, what: str = "example") -> list[Example]:
    """Examples from parsed JSON rows {"input", "output", "options"?}; other keys are ignored. Raises ExampleError."""
    return [_from_row(row, f"{what} {number}") for number, row in enumerate(rows, start=1)]


def examples_hash(examples: Sequence[Example]) -> str:
    """sha256 (hex) of the examples in their order: the identity of the data in a recipe."""
    canonical = json.dumps(
        [e.to_json() for e in examples], ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _from_row(row: Any, where: str) -> Example:
    if not isinstance(row, dict):
        raise ExampleError(f'{where} is not an object with "input" and "output"')
    for field in ("input", "output"):
        if field not in row:
            raise ExampleError(f'{where} has no "{field}"')
        if not isinstance(row[field], str | int | float) or isinstance(row[field], bool):
            raise ExampleError(f'{where}: "{field}" is not text')
    options = row.get("options")
    return Example(
        str(row["input"]), str(row["output"]), () if options is None else _options_of(options, where)
    )


def _options_of(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(o, str | int | float) and not isinstance(o, bool) for o in value
    ):
        raise ExampleError(f'{where}: "options" is not a list of texts')
    return tuple(str(option) for option in value)


def _check_options(example: Example, where: str) -> None:
    options = example.options
    if not 2 <= len(options) <= MAX_OPTIONS:
        raise ExampleError(
            f"{where} has {len(options)} option{'s' * (len(options) != 1)}; 2 to {MAX_OPTIONS} are allowed",
            code="bad_options",
        )
    if any(not option.strip() or len(option) > MAX_CHARACTERS or "\x00" in option for option in options):
        raise ExampleError(f"{where} has an option that is empty or no usable text", code="bad_options")
    if len(set(options)) < len(options):
        raise ExampleError(f"{where} has an option twice", code="bad_options")
    if example.output not in options:
        raise ExampleError(
            f"{where}: its output {example.output[:40]!r} is not one of its options", code="bad_options"
        )


def _load_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f" (column {error.colno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise ExampleError(f"{where} is not valid JSON{detail}") from error


def _from_json_list(text: str) -> list[Example]:
    return examples_from_rows(_load_json(text, "the list of examples"))


def _from_jsonl(text: str) -> list[Example]:
    # Not splitlines(): it also cuts at U+2028 and form feeds, which may stand inside a JSON string.
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    return [_from_row(_load_json(line, f"line {n}"), f"line {n}") for n, line in lines if line]


def _is_csv(text: str) -> bool:
    header = text.split("\n", 1)[0].lower()
    return {"input", "output"} <= {cell.strip().strip('"') for cell in header.split(",")}


def _from_csv(text: str) -> list[Example]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader)]
        columns = header.index("input"), header.index("output")
        third = header.index("options") if "options" in header else None
        examples = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            for field, column in zip(("input", "output"), columns, strict=True):
                if column >= len(cells):
                    raise ExampleError(f'line {reader.line_num} has no "{field}"')
            written = cells[third].strip() if third is not None and third < len(cells) else ""
            options: tuple[str, ...] = ()
            if written:
                where = f'line {reader.line_num}: "options"'
                options = _options_of(_load_json(written, where), f"line {reader.line_num}")
            examples.append(Example(cells[columns[0]], cells[columns[1]], options))
        return examples
    except csv.Error as error:
        raise ExampleError(f"line {reader.line_num} is not valid CSV: {error}") from error


def _from_arrows(text: str) -> list[Example]:
    examples = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        # What is to the right of the last arrow may be options; an arrow within an option is not looked for.
        rest, mark, listed = line.rpartition(OPTIONS_MARK)
        options = parse_options(_unescape(listed)) if mark else ()
        before, arrow, after = (rest if mark else line).rpartition(ARROW)
        if not arrow:
            raise ExampleError(f'line {number} has no "{ARROW}" between input and output')
        pair = Example(_unescape(before), _unescape(after), options)
        for field, value in (("input", pair.input), ("output", pair.output)):
            if not value:
                raise ExampleError(f'line {number} has no "{field}"')
        examples.append(pair)
    return examples


def _unescape(text: str) -> str:
    return text.strip().replace("\\n", "\n")
