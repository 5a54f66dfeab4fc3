"""Which files a module may hold, by name and by first bytes."""

import re
from pathlib import Path

from composer.errors import AdapterError
from composer.safetensors_file import refuse_other_formats

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".pyc", ".dill")
_ALLOWED = (
    ".json",
    ".md",
    ".txt",
    ".csv",
    ".jsonl",
    ".yaml",
    ".yml",
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".svg",
    ".jinja",
    ".model",
)
_ALLOWED_NAMES = ("LICENSE", "NOTICE", ".gitattributes", WEIGHTS)
_SEGMENT_RE = re.compile(r"[A-Za-z0-9_][\w.\- ]{0,95}", re.ASCII)


def check_file_name(name: str) -> None:
    """Raise AdapterError (bad_path, pickle_not_allowed, file_not_allowed) unless a module may hold a file of this name."""
    segments = name.split("/")
    plain = all(
        _SEGMENT_RE.fullmatch(part) and part[-1] not in ". " for part in segments if part != ".gitattributes"
    )
    if not name or len(segments) > 4 or not plain:
        raise AdapterError(f"{ascii(name)[:120]} is not an acceptable file name.", code="bad_path")
    last = segments[-1]
    if last.lower().endswith(_PICKLES):
        raise AdapterError(
            f"{name} may be a pickle, and pickles can run code; only safetensors weights are accepted.",
            code="pickle_not_allowed",
        )
    if last not in _ALLOWED_NAMES and not last.lower().endswith(_ALLOWED):
        raise AdapterError(
            f"{name} is not a kind of file that a module holds (weights as {WEIGHTS}, and text, JSON or images).",
            code="file_not_allowed",
        )
    if last == WEIGHTS and len(segments) > 1:
        raise AdapterError(f"{name} must be at the top of the folder.", code="file_not_allowed")


def check_text_file(path: Path, name: str) -> None:
    """Refuse a pickle, zip or LFS pointer that goes under an allowed name (every file but the weights)."""
    with path.open("rb") as file:
        refuse_other_formats(file.read(8), name)
