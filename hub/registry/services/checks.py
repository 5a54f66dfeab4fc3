"""What is checked of an upload before anything is stored: names and sizes of its files, then what is in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from composer.adapter_files import AdapterInfo, inspect_adapter
from composer.errors import AdapterError
from composer.file_names import (
    CONFIG,
    WEIGHTS,
    check_file_name,
    check_other_tensors,
    check_text_file,
    is_tensor_file,
)
from hub.registry.models import BaseModel
from hub.registry.services.base_models import find_base_model, require_fit
from hub.registry.services.card_header import claimed_evaluations
from hub.registry.services.errors import Problem, PublishError
from hub.registry.services.evaluation_data import EvaluationData
from hub.registry.services.metadata import BASE_MODEL_RE, ModuleMetadata, read_card

CARD = "README.md"
MAX_FILES = 60
MAX_CARD = 2**20  # bytes
MAX_TEXT = 20 * 2**20  # bytes of any file but the weights


@dataclass(frozen=True, slots=True)
class Checked:
    """What the files and the author say together."""

    info: AdapterInfo
    metadata: ModuleMetadata
    base_model: BaseModel | None
    label: str
    card: str
    claimed: Sequence[EvaluationData] = ()  # what the card's model-index says


def file_problems(files: Mapping[str, Path]) -> list[Problem]:
    """What is wrong with the names, number and sizes of the files."""
    problems = []
    if len(files) > MAX_FILES:
        problems.append(
            Problem("files", "too_many_files", f"{len(files)} files are too many; at most {MAX_FILES} fit.")
        )
    folded: set[str] = set()
    total = 0
    for name, path in files.items():
        try:
            check_file_name(name)
            if not is_tensor_file(name):
                check_text_file(path, name)
            elif name != WEIGHTS:
                check_other_tensors(path, name)
        except AdapterError as error:
            problems.append(Problem("files", error.code, str(error)))
            continue
        if name.lower() in folded:
            problems.append(Problem("files", "bad_path", f"{name} is there twice, with other capitals."))
        folded.add(name.lower())
        size = path.stat().st_size
        total += size
        limit = MAX_CARD if name == CARD else MAX_TEXT
        if not is_tensor_file(name) and size > limit:
            problems.append(
                Problem(
                    "files",
                    "too_large",
                    f"{name} is {size / 1e6:.1f} MB; at most {limit / 1e6:.0f} MB are kept.",
                    413,
                )
            )
    if total > settings.HUB_UPLOAD_LIMIT:
        limit_mb = settings.HUB_UPLOAD_LIMIT // 1_000_000
        problems.append(
            Problem("files", "too_large", f"The files are larger than {limit_mb} MB together.", 413)
        )
    return problems


def is_complete(names: Collection[str]) -> bool:
    """Do the files make an adapter? If so, check_files says whether it is a good one."""
    return CONFIG in names and WEIGHTS in names


def check_files(folder: Path, metadata: ModuleMetadata) -> Checked:
    """Read and check the folder. Raises PublishError for the field `files`, or `base_model` where the author named one."""
    try:
        info = inspect_adapter(folder)
    except AdapterError as error:
        raise PublishError(error.code, str(error), "files") from error
    text = card_text(folder / CARD)
    card, said = read_card(text)
    configured = info.config.base_model
    # A path on the author's disk names no base model.
    said = replace(
        said,
        base_model=configured
        if BASE_MODEL_RE.fullmatch(configured) and len(configured) <= 200
        else said.base_model,
    )
    metadata = metadata.or_else(said)
    base_model = find_base_model(metadata.base_model)
    if base_model is not None:
        try:
            require_fit(info, base_model)
        except AdapterError as error:
            raise PublishError(error.code, str(error), "files") from error
    label = base_model.model_id if base_model else metadata.base_model
    return Checked(info, metadata, base_model, label, card, claimed_evaluations(text))


def card_text(path: Path) -> str:
    """The README.md, "" if there is none. Raises PublishError if it is no text."""
    if not path.is_file():
        return ""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise PublishError("bad_text", f"{CARD} is not UTF-8 text.", "files") from None
    if "\0" in text:
        raise PublishError("bad_text", f"{CARD} has a NUL character.", "files")
    return text.removeprefix("\ufeff")
