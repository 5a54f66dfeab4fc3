"""The (input, output) pairs that describe a task: read, check, identify. Torch-free."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from composer.errors import ExampleError

MAX_EXAMPLES = 1_000
MAX_CHARACTERS = 20_000  # of one input or output; about 5,000 tokens
MAX_FILE_BYTES = 10 * 1024 * 1024
ARROW = "=>"


@dataclass(frozen=True, slots=True)
class Example:
    """One few-shot pair. Both fields are the verbatim text; a prompt template is applied later."""

    input: str
    output: str


def parse_examples(text: str) -> list[Example]:
    r"""The examples in `text`, in any of these formats: JSONL, a JSON list, CSV with a header, `input => output` lines.

    In arrow lines the characters `\n` stand for a line break, so an input may have several lines.
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


def examples_from_rows(rows: Iterable[Any], *, what: str = "example") -> list[Example]:
    """Examples from parsed JSON rows {"input": ..., "output": ...}; other keys are ignored. Raises ExampleError."""
    return [_from_row(row, f"{what} {number}") for number, row in enumerate(rows, start=1)]


def examples_hash(examples: Sequence[Example]) -> str:
    """sha256 (hex) of the examples in their order: the identity of the data in a recipe."""
    canonical = json.dumps(
        [asdict(e) for e in examples], ensure_ascii=False, separators=(",", ":"), sort_keys=True
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
    return Example(str(row["input"]), str(row["output"]))


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
        examples = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            for field, column in zip(("input", "output"), columns, strict=True):
                if column >= len(cells):
                    raise ExampleError(f'line {reader.line_num} has no "{field}"')
            examples.append(Example(cells[columns[0]], cells[columns[1]]))
        return examples
    except csv.Error as error:
        raise ExampleError(f"line {reader.line_num} is not valid CSV: {error}") from error


def _from_arrows(text: str) -> list[Example]:
    examples = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        before, arrow, after = line.rpartition(ARROW)
        if not arrow:
            raise ExampleError(f'line {number} has no "{ARROW}" between input and output')
        pair = Example(_unescape(before), _unescape(after))
        for field, value in (("input", pair.input), ("output", pair.output)):
            if not value:
                raise ExampleError(f'line {number} has no "{field}"')
        examples.append(pair)
    return examples


def _unescape(text: str) -> str:
    return text.strip().replace("\\n", "\n")
