"""Xorbs on disk, and the files that are put together from them."""

import os
import re
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import IO

from django.conf import settings

from hub.accounts.models import User
from hub.hfapi.bodies import hashed
from hub.hfapi.errors import HubError
from hub.hfapi.uploads import keep as keep_upload
from hub.hfapi.uploads import require_size
from hub.hfapi.xet.formats import FormatError, ShardFile, chunk_offsets, read_chunk, read_shard

HASH_RE = re.compile(r"[0-9a-f]{64}")
MAX_HELD = 20  # times the largest upload: of all xorbs of a user
MAX_FILES = 200  # in one shard


def folder_of(user: User, week: str) -> Path:
    return Path(settings.MEDIA_ROOT) / "xet" / str(user.pk) / week


def keep_xorb(user: User, week: str, name: str, body: Path) -> bool:
    """Take the received file as the xorb of this name; False if it is there already. Raises HubError."""
    if not HASH_RE.fullmatch(name):
        raise HubError("bad_parameter", "A xorb is named by its hash.")
    try:
        with body.open("rb") as stream:
            chunk_offsets(stream)
    except FormatError as error:
        raise HubError("bad_xorb", f"This is no xorb: {error}.") from error
    folder = folder_of(user, week)
    target = folder / name
    if target.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    held = sum(entry.stat().st_size for entry in folder.parent.glob("*/*"))
    if held > MAX_HELD * settings.HUB_UPLOAD_LIMIT:
        raise HubError("storage_full", "You have sent more than can be kept. Wait a week.", status=507)
    os.replace(body, target)
    return True


def keep_files(user: User, week: str, shard: Path, workspace: Path) -> None:
    """Put together every file of the shard and keep it for a commit. All are checked, or none is kept.

    Raises HubError: bad_shard, unknown_xorb, bad_xorb, wrong_sha256, too_large.
    """
    try:
        with shard.open("rb") as stream:
            files = [file for file in read_shard(stream) if file.sha256]
    except FormatError as error:
        raise HubError("bad_shard", f"This is no shard: {error}.") from error
    if len(files) > MAX_FILES:
        raise HubError("bad_shard", f"A shard has at most {MAX_FILES} files here.")
    folder = folder_of(user, week)
    made = []
    for number, file in enumerate(files):
        target = workspace / f"file-{number}"
        require_size(sum(part.size for part in file.ranges))
        _put_together(file, folder, target)
        made.append((file, hashed(target)))
    for file, received in made:
        if received.sha256 != file.sha256:
            detail = (
                f"The file put together has the sha256 {received.sha256}, not {file.sha256}. Send it again."
            )
            raise HubError("wrong_sha256", detail)
    for file, received in made:
        keep_upload(user, received, file.sha256)


def forget_old(user: User, keep: Collection[str]) -> None:
    """Delete the user's xorbs of all weeks but these."""
    folder = Path(settings.MEDIA_ROOT) / "xet" / str(user.pk)
    for week in folder.iterdir() if folder.is_dir() else []:
        if week.name not in keep:
            rmtree(week, ignore_errors=True)


def _put_together(file: ShardFile, folder: Path, target: Path) -> None:
    opened: dict[str, tuple[IO[bytes], list[int]]] = {}
    with ExitStack() as stack, target.open("wb") as out:
        for part in file.ranges:
            if part.xorb not in opened:
                place = folder / part.xorb
                if not place.is_file():
                    raise HubError(
                        "unknown_xorb", f"The shard names the xorb {part.xorb}, which has not been sent."
                    )
                source: IO[bytes] = stack.enter_context(place.open("rb"))
                opened[part.xorb] = source, chunk_offsets(source)
            stream, offsets = opened[part.xorb]
            if not part.first < part.end <= len(offsets):
                raise HubError(
                    "bad_shard", f"The shard names chunks that the xorb {part.xorb} does not have."
                )
            size = 0
            for offset in offsets[part.first : part.end]:
                try:
                    data = read_chunk(stream, offset)
                except FormatError as error:
                    raise HubError("bad_xorb", f"The xorb {part.xorb} is damaged: {error}.") from error
                size += len(data)
                out.write(data)
            if size != part.size:
                raise HubError("bad_shard", "A range of the shard has another size than its chunks.")
