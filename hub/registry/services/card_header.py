"""The YAML header of a card (README.md), in Hugging Face's terms: checked, read for claimed evaluations, written back.

What a person changes in a form is written into the header; keys that the hub does not know stay as they are.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from hub.registry.services.evaluation_data import EvaluationData, evaluation_problems
from hub.registry.services.metadata import MAX_FRONT_MATTER, ModuleMetadata, read_card, split_card

MOST_CLAIMED = 40  # evaluations read from one card
LISTS = ("tags", "language", "datasets", "base_model")
TEXTS = ("license", "pipeline_tag", "library_name", "summary", "task")
# The tasks of Hugging Face that adapters of language models carry; another `task` is the hub's own word.
PIPELINE_TAGS = frozenset(
    (
        "text-generation",
        "text2text-generation",
        "text-classification",
        "token-classification",
        "question-answering",
        "summarization",
        "translation",
        "fill-mask",
        "feature-extraction",
        "sentence-similarity",
        "zero-shot-classification",
        "table-question-answering",
        "multiple-choice",
        "image-text-to-text",
    )
)


def header_of(card: str) -> dict[str, Any]:
    """The header's keys; empty without a header that can be read."""
    header, _ = split_card(card)
    try:
        data = yaml.safe_load(header)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return {str(key): value for key, value in data.items()} if isinstance(data, Mapping) else {}


def header_problems(card: str) -> list[str]:
    """What is wrong with a card's header, as sentences; such parts are left out when it is read."""
    header, _ = split_card(card)
    if not header:
        return (
            []
            if not card.startswith("---")
            else [f"It does not end (---) within {MAX_FRONT_MATTER} characters."]
        )
    try:
        data = yaml.safe_load(header)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 2}" if error.problem_mark else ""
        return [f"It is not YAML: {error.problem or 'it cannot be read'}{line}."]
    except (yaml.YAMLError, ValueError, RecursionError):
        return ["It is not YAML."]
    if not isinstance(data, Mapping):
        return ["It must be keys with values, such as “license: mit”."]
    problems = [f"“{key}” must be text." for key in TEXTS if not isinstance(data.get(key), str | None)]
    for key in LISTS:
        value = data.get(key)
        items = value if isinstance(value, list) else [value]
        # YAML 1.1 reads the language code "no" as false
        if not all(isinstance(item, str | None) or (item is False and key == "language") for item in items):
            problems.append(f"“{key}” must be text or a list of texts.")
    if "model-index" in data and data["model-index"] and not claimed_evaluations(card):
        problems.append("“model-index” has no result with a dataset’s name, a metric’s type and a number.")
    return problems


def claimed_evaluations(card: str) -> list[EvaluationData]:
    """The results in `model-index`, as far as they are well formed: numbers with a metric, on a named dataset or task."""
    found: dict[tuple[str, str], EvaluationData] = {}
    for entry in _dicts(header_of(card).get("model-index")):
        for result in _dicts(entry.get("results")):
            name = _text(result.get("dataset"), "name", "type") or _text(result.get("task"), "name", "type")
            for metric in _dicts(result.get("metrics")):
                kind, value = _text(metric, "type", "name"), metric.get("value")
                if not name or not kind or isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                if not math.isfinite(value):
                    continue
                row = EvaluationData(name=name, metric=kind, value=float(value))
                if not evaluation_problems([row]):
                    found.setdefault((name, kind), row)
    return list(found.values())[:MOST_CLAIMED]


def write_card(card: str, metadata: ModuleMetadata, body: str | None = None) -> str:
    """The card with the metadata in its header, and another text below it if one is given.

    The same card comes back if it says all that already.
    """
    _, old_body = split_card(card)
    said = read_card(card)[1]
    metadata = replace(metadata, prompt_template="", samples=())  # which no header has a word for
    if said == metadata and (body is None or body.strip() == old_body.strip()):
        return card
    header = header_of(card)
    values: dict[str, Any] = {
        "base_model": metadata.base_model,
        "library_name": header.get("library_name") or "peft",
        "pipeline_tag": metadata.task if metadata.task in PIPELINE_TAGS else header.get("pipeline_tag"),
        "license": metadata.license,
        "language": list(metadata.languages),
        "tags": _tags(header, metadata),
        "datasets": _datasets(header, metadata),
        "summary": metadata.summary,
        "task": metadata.task,
    }
    if header.get("description") and "summary" not in header:
        header.pop("description")  # which the summary was read from
    for key, value in values.items():
        if value:
            header[key] = value
        else:
            header.pop(key, None)
    text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{text}---\n\n{(old_body if body is None else body).strip()}\n"


def _tags(header: Mapping[str, Any], metadata: ModuleMetadata) -> list[str]:
    """The author's tags, and those that PEFT wrote about the base model while it is the same."""
    tags = header.get("tags")
    kept = [
        tag
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, str) and tag.startswith("base_model:") and tag.endswith(metadata.base_model)
    ]
    return [*kept, *metadata.tags]


def _datasets(header: Mapping[str, Any], metadata: ModuleMetadata) -> Any:
    """As they are, unless the form says something else."""
    present = header.get("datasets")
    texts = present if isinstance(present, list) else [present]
    if ", ".join(text for text in texts if isinstance(text, str)) == metadata.dataset:
        return present
    return [part.strip() for part in metadata.dataset.split(",") if part.strip()]


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value[:200] if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: Any, *keys: str) -> str:
    """The first of these keys that has a text."""
    if isinstance(value, Mapping):
        for key in keys:
            if isinstance(value.get(key), str) and value[key].strip():
                return str(value[key]).strip()
    return ""
