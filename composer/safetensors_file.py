"""The header and the values of a safetensors file, checked more strictly than the safetensors library does.

safetensors 0.8 accepts duplicate keys, NaN, `../` and NUL in names, 1 MB names, shapes of 10,000 dimensions and a
million tiny tensors (+934 MB of memory). Here everything is bounded before it is parsed, and no tensor is loaded.
Format: 8 bytes little-endian header length, a JSON header, the tensors' bytes without holes.
"""

import os
import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from composer.errors import AdapterError
from composer.strict_json import parse_json, shown

MAX_HEADER = 4 * 2**20  # bytes
MAX_TENSORS = 20_000
MAX_DIMS = 4
CHUNK = 4 * 2**20  # bytes read at once when values are checked
NAME_RE = re.compile(r"[\w.\-]{1,512}", re.ASCII)

# dtype -> (bytes, unsigned view, exponent bits). All exponent bits set means NaN or infinity (IEEE 754; bf16 likewise)
DTYPES: dict[str, tuple[int, str, int]] = {
    "F32": (4, "<u4", 0x7F800000),
    "F16": (2, "<u2", 0x7C00),
    "BF16": (2, "<u2", 0x7F80),
}
# How often these may occur in a header, per tensor allowed.
_MARKS = {b'"data_offsets"': 1, b"{": 2, b"[": 3, b",": 16}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a file: begin and end count bytes from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A checked header. tensors are in the order of their bytes; data_start is an offset in the file."""

    path: Path
    tensors: tuple[TensorEntry, ...]
    metadata: dict[str, str]
    data_start: int
    size: int


def read_header(path: Path) -> TensorFile:
    """The header of the file, after checks of its size, names, dtypes, shapes and layout.

    Raises AdapterError: header_too_large, too_many_tensors, bad_tensor_name, duplicate_key, bad_layout, bad_dtype, bad_json.
    """
    name = path.name
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        refuse_other_formats(start, name)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length < 2:
            raise AdapterError(f"{name} is not a safetensors file.", code="bad_layout")
        if length > MAX_HEADER:
            raise AdapterError(
                f"The header of {name} would be {length:,} bytes; at most {MAX_HEADER:,} are read.",
                code="header_too_large",
            )
        if length > size - 8:
            raise AdapterError(f"{name} ends within its header: is the upload complete?", code="bad_layout")
        raw = file.read(length)
    if raw[:1] != b"{":
        raise AdapterError(f"The header of {name} does not begin with an object.", code="bad_layout")
    # Counted before parsing, so that 4 MB of tiny objects never become a gigabyte of Python objects.
    if any(raw.count(mark) > most * MAX_TENSORS for mark, most in _MARKS.items()):
        raise _too_many(name)
    header = parse_json(raw, f"The header of {name}", duplicate_code="duplicate_key")
    assert isinstance(header, dict)  # it began with "{"
    metadata = _metadata(header.pop("__metadata__", {}), name)
    if len(header) > MAX_TENSORS:
        raise _too_many(name)
    tensors = sorted(
        (_entry(key, value, name) for key, value in header.items()), key=lambda t: (t.begin, t.end)
    )
    _check_layout(tensors, size - 8 - length, name)
    return TensorFile(path, tuple(tensors), metadata, 8 + length, size)


def check_finite(file: TensorFile) -> None:
    """Raise AdapterError `not_finite`, naming the tensor, if any value is NaN or infinite.

    Reads CHUNK bytes at a time; neighbours of one dtype are read together, so many small tensors are as fast as one large.
    """
    with file.path.open("rb") as stream:
        stream.seek(file.data_start)
        first = 0
        while first < len(file.tensors):
            last = first
            while last + 1 < len(file.tensors) and file.tensors[last + 1].dtype == file.tensors[first].dtype:
                last += 1
            _check_run(stream, file, first, last)
            first = last + 1


def refuse_other_formats(start: bytes, name: str) -> None:
    """Refuse, by its first bytes, a pickle or a zip (which torch.save writes) and a Git LFS pointer."""
    # A header of 0x…80 bytes also begins like a pickle; its length then has zeros where a pickle has opcodes.
    is_pickle = start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and start[4:8] != b"\0\0\0\0"
    if is_pickle or start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise AdapterError(
            f"{name} is a pickle or zip file. Pickles can run code; save the adapter as safetensors "
            "(peft: save_pretrained(..., safe_serialization=True)).",
            code="pickle_not_allowed",
        )
    if start[:8] == b"version ":
        raise AdapterError(
            f"{name} is a Git LFS pointer, not the file itself; run `git lfs pull` first.",
            code="file_not_allowed",
        )


def _too_many(name: str) -> AdapterError:
    return AdapterError(f"{name} has more than {MAX_TENSORS:,} tensors.", code="too_many_tensors")


def _metadata(value: object, name: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise AdapterError(f"__metadata__ of {name} is not a table of texts.", code="bad_layout")
    return value


def _entry(key: str, value: object, name: str) -> TensorEntry:
    """One header entry as a TensorEntry; its own size agrees with its shape and dtype."""
    if not NAME_RE.fullmatch(key):
        raise AdapterError(
            f"{name} has a tensor named {shown(key)}; names are 1-512 letters, digits, '_', '.', '-'.",
            code="bad_tensor_name",
        )
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise AdapterError(f"The header entry of {key} is malformed.", code="bad_layout")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise AdapterError(
            f"{key} has dtype {shown(dtype)}; F32, F16 and BF16 are accepted.", code="bad_dtype"
        )
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= MAX_DIMS
        or not all(_is_count(n) and n for n in shape)
    ):
        raise AdapterError(
            f"{key} has the shape {shown(shape)}; 1 to {MAX_DIMS} dimensions are accepted.", code="bad_layout"
        )
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_count(n) for n in offsets):
        raise AdapterError(f"{key} has data_offsets {shown(offsets)}.", code="bad_layout")
    length = DTYPES[dtype][0]
    for count in shape:
        length *= count
    if offsets[1] - offsets[0] != length:
        raise AdapterError(
            f"{key} says {shown(shape)} of {dtype}, {length:,} bytes, but takes {offsets[1] - offsets[0]:,}.",
            code="bad_layout",
        )
    return TensorEntry(key, dtype, tuple(shape), offsets[0], offsets[1])


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _check_layout(tensors: list[TensorEntry], data: int, name: str) -> None:
    """Refuse holes, overlaps and bytes after the last tensor. data: bytes after the header."""
    position = 0
    for tensor in tensors:
        if tensor.begin != position:
            word = "overlaps the tensor before it" if tensor.begin < position else "leaves a hole before it"
            raise AdapterError(f"{tensor.name} {word} in {name}.", code="bad_layout")
        position = tensor.end
    if position > data:
        raise AdapterError(f"{name} ends before its last tensor: is the upload complete?", code="bad_layout")
    if position < data:
        raise AdapterError(f"{name} has {data - position:,} bytes after its last tensor.", code="bad_layout")


def _check_run(stream: BinaryIO, file: TensorFile, first: int, last: int) -> None:
    """Check the bytes of tensors[first..last], all of one dtype; the stream stands at the first of them."""
    itemsize, view, mask = DTYPES[file.tensors[first].dtype]
    position, end = file.tensors[first].begin, file.tensors[last].end
    while position < end:
        data = stream.read(min(CHUNK, end - position))
        if not data:
            raise AdapterError(f"{file.path.name} became shorter while it was read.", code="bad_layout")
        if rest := len(data) % itemsize:  # a short read
            stream.seek(-rest, os.SEEK_CUR)
            data = data[:-rest]
        bits = np.frombuffer(data, dtype=view)
        bad = (bits & bits.dtype.type(mask)) == mask
        if bad.any():
            at = position + int(bad.argmax()) * itemsize
            begins = [tensor.begin for tensor in file.tensors]
            tensor = file.tensors[bisect_right(begins, at) - 1]
            raise AdapterError(f"{tensor.name} has a value that is NaN or infinite.", code="not_finite")
        position += len(data)
