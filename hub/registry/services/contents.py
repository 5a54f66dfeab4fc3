"""What is inside a stored file, as far as a page can show it: text, or the tensors of a safetensors header. Torch-free."""

import json
from dataclasses import dataclass
from math import prod

from composer.errors import AdapterError
from composer.safetensors_file import DTYPES, MAX_HEADER
from composer.strict_json import parse_json
from hub.registry.models import Blob
from hub.registry.storage import open_blob

TEXT = (".md", ".json", ".txt", ".csv", ".jsonl", ".yaml", ".yml", ".jinja", ".svg")
TEXT_NAMES = ("LICENSE", "NOTICE", ".gitattributes")
IMAGES = (".png", ".jpg", ".jpeg", ".webp")
MAX_TEXT = 500_000  # bytes


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a header. size: bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        return prod(self.shape)

    @property
    def size(self) -> int:
        return self.parameters * DTYPES[self.dtype][0]

    @property
    def written(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


def is_text(path: str) -> bool:
    return path.lower().endswith(TEXT) or path.rpartition("/")[2] in TEXT_NAMES


def text_of(blob: Blob) -> str | None:
    """The text of a file, or None if it is too long to be shown or is no UTF-8. Raises FileCorrupt."""
    if blob.size > MAX_TEXT:
        return None
    with open_blob(blob) as stream:
        try:
            return stream.read().decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            return None


def tensors_of(blob: Blob) -> list[Tensor]:
    """The tensors that the header of a safetensors file names, in its order; none if the header cannot be read.

    Such a file was checked when it was stored, so only the header is read here. Raises FileCorrupt.
    """
    with open_blob(blob) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= MAX_HEADER:
            return []
        header = stream.read(length)
    try:
        entries = parse_json(header, "header")
    except AdapterError:
        return []
    rows = entries.items() if isinstance(entries, dict) else []
    return [
        Tensor(str(name), str(row["dtype"]), tuple(row["shape"]))
        for name, row in rows
        if name != "__metadata__" and row["dtype"] in DTYPES
    ]


def json_fields(text: str) -> dict[str, str] | None:
    """The fields of a JSON object, each written in one line; None if the text is none."""
    try:
        value = parse_json(text.encode(), "file")
    except AdapterError:
        return None
    if not isinstance(value, dict):
        return None
    return {str(key): json.dumps(item, ensure_ascii=False, sort_keys=True) for key, item in value.items()}
