"""Modules from folders on the server: adapter files, README.md, and a module.json with what the author says.

module.json: {"name", "summary", "task", "tags", "languages", "license", "dataset", "prompt_template", "prompt_format",
"system_prompt", "base_model", "samples": [{"input", "output"}],
"evaluations": [{"name", "metric", "value", "n", "source"}]}; all but the folder itself may be missing.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from composer.errors import AdapterError
from composer.examples import Example
from composer.file_names import check_file_name
from composer.strict_json import parse_json
from hub.accounts.models import User
from hub.registry.models import Evaluation, File, Module, Revision
from hub.registry.services import (
    EvaluationData,
    ModuleMetadata,
    PublishError,
    metadata_of,
    publish_revision,
    update_module,
)

ABOUT = "module.json"
BASE, THIS = "base model, ", "this module, "


def load_folder(folder: Path, *, user: User, trusted: bool = False) -> tuple[Revision, bool]:
    """The module in this folder, published as the user's: (revision, whether it is new).

    If the newest revision already has these files, only what module.json says is brought up to date.
    Evaluations count as measured only if trusted.
    Raises PublishError.
    """
    files = _files(folder)
    about = _about(folder)
    name = _text(about, "name") or folder.name
    metadata = module_words(folder)
    module = Module.objects.filter(namespace=user.namespace, name__iexact=name, deleted_at=None).first()
    if module is not None and module.head is not None and _same(module.head, files):
        wanted = metadata.or_else(metadata_of(module))
        if wanted != metadata_of(module):
            update_module(
                user=user, module=module, metadata=wanted, private=module.is_private, write_card=False
            )
        return module.head, False
    revision = publish_revision(
        user=user,
        namespace=user.namespace,
        name=name,
        files=files,
        metadata=metadata,
        evaluations=read_evaluations(about.get("evaluations"), trusted=trusted),
        create=module is None,
    )
    return revision, True


def module_words(folder: Path) -> ModuleMetadata:
    """What the folder's module.json says about the module. Raises PublishError if it is no JSON."""
    about = _about(folder)
    return ModuleMetadata(
        summary=_text(about, "summary"),
        task=_text(about, "task"),
        tags=_texts(about, "tags"),
        languages=_texts(about, "languages"),
        license=_text(about, "license"),
        dataset=_text(about, "dataset")[:200],
        prompt_template=_text(about, "prompt_template", strip=False),
        prompt_format=_text(about, "prompt_format"),
        system_prompt=_text(about, "system_prompt", strip=False),
        base_model=_text(about, "base_model"),
        samples=_samples(about.get("samples")),
    )


def module_folders(root: Path) -> list[Path]:
    """The adapter folders at or directly below `root`, by name."""
    if (root / "adapter_config.json").is_file():
        return [root]
    return sorted(path.parent for path in root.glob("*/adapter_config.json"))


def read_evaluations(rows: Any, *, trusted: bool) -> Sequence[EvaluationData]:
    """The evaluations of a module.json. A row "base model, X" becomes the baseline of "this module, X"."""
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    numbers = [
        row
        for row in rows
        if isinstance(row.get("value"), int | float) and not isinstance(row["value"], bool)
    ]
    baselines = {
        (_text(row, "name").removeprefix(BASE), _text(row, "metric")): row["value"]
        for row in numbers
        if _text(row, "name").startswith(BASE)
    }
    found = []
    for row in numbers:
        name, metric = _text(row, "name").removeprefix(THIS), _text(row, "metric")
        if name.startswith(BASE):
            continue
        details = row.get("details") if isinstance(row.get("details"), dict) else {}
        if (name, metric) in baselines:
            details = {**details, "baseline": baselines[name, metric]}
        measured = trusted and row.get("source") == Evaluation.Source.MEASURED
        found.append(
            EvaluationData(
                name=name[:1].upper() + name[1:],
                metric=metric,
                value=float(row["value"]),
                low=_number(row.get("low")),
                high=_number(row.get("high")),
                n=row.get("n") if type(row.get("n")) is int and 0 <= row["n"] < 2**31 else None,
                source=Evaluation.Source.MEASURED if measured else Evaluation.Source.CLAIMED,
                details=details,
            )
        )
    return found


def _files(folder: Path) -> dict[str, Path]:
    """What of the folder belongs to the module: allowed names, no links, not module.json."""
    files = {}
    for path in sorted(folder.iterdir()):
        if path.name == ABOUT or path.is_symlink() or not path.is_file():
            continue
        try:
            check_file_name(path.name)
        except AdapterError:
            continue  # optimizer states and the like
        files[path.name] = path
    return files


def _about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    if not path.is_file():
        return {}
    try:
        value = parse_json(path.read_bytes(), ABOUT)
    except AdapterError as error:
        raise PublishError(error.code, str(error), "files") from error
    return value if isinstance(value, dict) else {}


def _same(head: Revision, files: dict[str, Path]) -> bool:
    stored = dict(File.objects.filter(revision=head).values_list("path", "blob__sha256"))
    return stored == {name: _sha256(path) for name, path in files.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(about: dict[str, Any], key: str, *, strip: bool = True) -> str:
    value = about.get(key)
    if not isinstance(value, str):
        return ""
    return value.strip() if strip else value


def _texts(about: dict[str, Any], key: str) -> tuple[str, ...]:
    value = about.get(key)
    items: Iterable[Any] = value if isinstance(value, list) else []
    return tuple(dict.fromkeys(item.strip() for item in items if isinstance(item, str) and item.strip()))


def _samples(rows: Any) -> tuple[Example, ...]:
    """The rows that are {"input": text, "output": text}."""
    items = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    texts = [(row.get("input"), row.get("output")) for row in items]
    return tuple(Example(i, o) for i, o in texts if isinstance(i, str) and isinstance(o, str))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
