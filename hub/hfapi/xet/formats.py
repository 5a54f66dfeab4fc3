"""Xorbs and shards as bytes. Little-endian throughout.

xorb    chunks, each `version u8=0 | packed size u24 | scheme u8 | plain size u24` and its body; scheme 0 plain, 1 an LZ4
        frame, 2 an LZ4 frame over bytes grouped by their position modulo 4. A footer, if any, begins with XETBLOB.
shard   48-byte header, then rows of 48 bytes: of each file a header, its ranges of chunks, verification, sha256.
Source: xet-core (Apache-2.0), checked against hf_xet 1.8.0.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import lz4.frame

MAX_XORB = 64 * 2**20 + 2**20  # bytes: 64 MiB of chunks and their footer
MAX_CHUNK = 128 * 2**10  # bytes, unpacked
MAX_CHUNKS = 2**16  # in one xorb
MAX_RANGES = 2**20  # in one shard
ROW = 48
SHARD_MAGIC = b"HFRepoMetaData\0"
LAST_ROW = b"\xff" * 32
WITH_VERIFICATION, WITH_SHA256 = 1 << 31, 1 << 30


class FormatError(Exception):
    """These bytes are no xorb, or no shard; the text says why."""


@dataclass(frozen=True, slots=True)
class Range:
    """Chunks first to end - 1 of a xorb, and the bytes they make."""

    xorb: str
    first: int
    end: int
    size: int


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One file of a shard: sha256 in hex ("" if the shard does not say it), and its ranges in order."""

    sha256: str
    ranges: tuple[Range, ...]


def hash_text(raw: bytes) -> str:
    """32 bytes as Xet writes them: four 64-bit words in hexadecimal."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", raw))


def chunk_offsets(xorb: IO[bytes]) -> list[int]:
    """Where every chunk begins. Raises FormatError unless the whole xorb is well formed."""
    offsets = []
    xorb.seek(0, 2)
    size = xorb.tell()
    place = 0
    while place < size:
        xorb.seek(place)
        head = xorb.read(8)
        if head[:7] == b"XETBLOB":
            break
        packed, _, _ = _chunk_head(head)
        offsets.append(place)
        place += 8 + packed
        if place > size:
            raise FormatError("it ends within a chunk")
        if len(offsets) > MAX_CHUNKS:
            raise FormatError(f"it has more than {MAX_CHUNKS} chunks")
    if not offsets:
        raise FormatError("it has no chunks")
    return offsets


def read_chunk(xorb: IO[bytes], offset: int) -> bytes:
    """The plain bytes of the chunk at this offset. Raises FormatError."""
    xorb.seek(offset)
    packed, scheme, plain = _chunk_head(xorb.read(8))
    body = xorb.read(packed)
    if scheme:
        try:
            body = lz4.frame.LZ4FrameDecompressor().decompress(body, max_length=plain + 1)
        except RuntimeError as error:
            raise FormatError("a chunk is not LZ4") from error
    if len(body) != plain:
        raise FormatError("a chunk has another size than it says")
    return _ungrouped(body) if scheme == 2 else body


def read_shard(shard: IO[bytes]) -> Iterator[ShardFile]:
    """The files of a shard. Raises FormatError."""
    head = shard.read(ROW)
    if len(head) < ROW or not head.startswith(SHARD_MAGIC) or head[32:40] != struct.pack("<Q", 2):
        raise FormatError("it does not begin like a shard of version 2")
    total = 0
    while (row := _row(shard))[:32] != LAST_ROW:
        flags, count = struct.unpack_from("<II", row, 32)
        total += count
        if total > MAX_RANGES:
            raise FormatError("it has too many ranges")
        ranges = tuple(_range(_row(shard)) for _ in range(count))
        for _ in range(count if flags & WITH_VERIFICATION else 0):
            _row(shard)
        sha256 = hash_text(_row(shard)[:32]) if flags & WITH_SHA256 else ""
        yield ShardFile(sha256, ranges)


def _chunk_head(head: bytes) -> tuple[int, int, int]:
    """(packed size, scheme, plain size)."""
    if len(head) < 8:
        raise FormatError("it ends within a chunk")
    version, scheme = head[0], head[4]
    packed, plain = int.from_bytes(head[1:4], "little"), int.from_bytes(head[5:8], "little")
    if version != 0 or scheme > 2 or not 0 < plain <= MAX_CHUNK or not 0 < packed <= 2 * MAX_CHUNK:
        raise FormatError("a chunk has an unknown header")
    return packed, scheme, plain


def _ungrouped(data: bytes) -> bytes:
    """Lane k holds the bytes k, k + 4, k + 8, …; the first len % 4 lanes are one longer."""
    plain = bytearray(len(data))
    start = 0
    for lane in range(4):
        length = (len(data) - lane + 3) // 4
        plain[lane::4] = data[start : start + length]
        start += length
    return bytes(plain)


def _row(shard: IO[bytes]) -> bytes:
    row = shard.read(ROW)
    if len(row) < ROW:
        raise FormatError("it ends within its files")
    return row


def _range(row: bytes) -> Range:
    _, size, first, end = struct.unpack_from("<4I", row, 32)
    return Range(hash_text(row[:32]), first, end, size)
