"""What an author says about a module, checked; and what can be read from the card's front matter instead."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import yaml

from composer.errors import ComposerError, ExampleError
from composer.examples import Example, check_examples
from composer.prompts import FORMATS, MAX_TEMPLATE_CHARACTERS, check_template
from hub.registry.services.errors import Problem

LIMITS = {"summary": 200, "task": 64, "license": 64, "dataset": 200, "base_model": 200}
MAX_TAGS, MAX_LANGUAGES, MAX_SAMPLES = 20, 20, 5
MAX_SAMPLE = 2_000  # characters of an input or output of a sample row
MAX_FRONT_MATTER = 64 * 1024  # characters
TAG_RE = re.compile(r"[\w][\w.:+#\- ]{0,39}")
LANGUAGE_RE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")
BASE_MODEL_RE = re.compile(r"[\w.\-]+(/[\w.\-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModuleMetadata:
    """The author's words. base_model: an id, to use instead of the one in adapter_config.json."""

    summary: str = ""
    task: str = ""
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    license: str = ""
    dataset: str = ""
    prompt_template: str = ""
    prompt_format: str = ""
    system_prompt: str = ""
    base_model: str = ""
    samples: tuple[Example, ...] = ()  # a few rows of the kind it was made for

    @property
    def sample_rows(self) -> list[dict[str, str]]:
        """The sample rows as they are stored and shown."""
        return [{"input": row.input, "output": row.output} for row in self.samples]

    def or_else(self, other: "ModuleMetadata") -> "ModuleMetadata":
        """This, with what is empty taken from the other."""
        empty = {f.name: getattr(other, f.name) for f in fields(self) if not getattr(self, f.name)}
        return replace(self, **empty)


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated text, each once, in their order."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def metadata_problems(metadata: ModuleMetadata) -> list[Problem]:
    """What is wrong with it; empty if nothing is."""
    problems = []

    def note(field: str, detail: str) -> None:
        problems.append(Problem(field, "bad_metadata", detail))

    for name, limit in LIMITS.items():
        value = getattr(metadata, name)
        if len(value) > limit:
            note(name, f"The {name.replace('_', ' ')} has {len(value)} characters; at most {limit} fit.")
        elif not value.isprintable():
            note(name, f"The {name.replace('_', ' ')} must be one line of plain text.")
    if metadata.base_model and not BASE_MODEL_RE.fullmatch(metadata.base_model):
        note("base_model", "A base model is named like HuggingFaceTB/SmolLM2-135M-Instruct.")
    if len(metadata.tags) > MAX_TAGS:
        note("tags", f"There are {len(metadata.tags)} tags; at most {MAX_TAGS} are kept.")
    for tag in metadata.tags:
        if not TAG_RE.fullmatch(tag):
            note(
                "tags", f"{ascii(tag)[:60]} is not a tag: use 1 to 40 letters, digits, spaces and . : + # - _"
            )
            break
    if len(metadata.languages) > MAX_LANGUAGES:
        note("languages", f"There are {len(metadata.languages)} languages; at most {MAX_LANGUAGES} are kept.")
    for language in metadata.languages:
        if not LANGUAGE_RE.fullmatch(language) or len(language) > 16:
            note("languages", f"{ascii(language)[:40]} is not a language code such as en, de or zh-Hant.")
            break
    if metadata.prompt_template:
        try:
            check_template(metadata.prompt_template)
            if _unstorable(metadata.prompt_template):
                note("prompt_template", "The prompt template has characters that are not text.")
        except ComposerError as error:
            text = str(error)
            note("prompt_template", f"{text[:1].upper()}{text[1:]}.")
    if metadata.prompt_format not in ("", *FORMATS):
        note("prompt_format", f"The prompt format is one of {', '.join(FORMATS)}.")
    if len(metadata.system_prompt) > MAX_TEMPLATE_CHARACTERS or _unstorable(metadata.system_prompt):
        note("system_prompt", f"The system prompt is text of at most {MAX_TEMPLATE_CHARACTERS} characters.")
    elif metadata.system_prompt and metadata.prompt_format != "chat":
        note("system_prompt", "A system prompt is part of a chat: choose the chat format for it.")
    if wrong := _samples_problem(metadata.samples):
        note("samples", wrong)
    return problems


def _samples_problem(samples: Sequence[Example]) -> str:
    """What is wrong with the sample rows, as a sentence; empty if nothing is."""
    if not samples:
        return ""
    if len(samples) > MAX_SAMPLES:
        return f"There are {len(samples)} sample rows; at most {MAX_SAMPLES} are kept."
    try:
        check_examples(samples)
    except ExampleError as error:
        text = str(error)
        return f"{text[:1].upper()}{text[1:]}."
    texts = [text for row in samples for text in (row.input, row.output)]
    if max(map(len, texts)) > MAX_SAMPLE:
        return f"A sample row has more than {MAX_SAMPLE:,} characters in its input or output."
    return "The sample rows have characters that are not text." if any(map(_unstorable, texts)) else ""


def split_card(text: str) -> tuple[str, str]:
    """A README.md as (the YAML of its header, "" without one; the text below it)."""
    match = re.match(r"---\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", text[: MAX_FRONT_MATTER + 8], re.DOTALL)
    return (match[1], text[match.end() :].lstrip("\n")) if match else ("", text)


def read_card(text: str) -> tuple[str, ModuleMetadata]:
    """A README.md as (the card without its header, what the header says). A bad header says nothing."""
    header, card = split_card(text)
    try:
        data = yaml.safe_load(header)
    except (yaml.YAMLError, ValueError, RecursionError):
        return card, ModuleMetadata()
    return card, _from_front_matter(data) if isinstance(data, Mapping) else ModuleMetadata()


def _from_front_matter(data: Mapping[Any, Any]) -> ModuleMetadata:
    """Hugging Face's card fields, as far as they are well formed."""
    candidate = ModuleMetadata(
        summary=_word(data, "summary") or _word(data, "description"),
        task=_word(data, "task") or _word(data, "pipeline_tag"),
        tags=tuple(tag for tag in _words(data, "tags") if TAG_RE.fullmatch(tag) and not _is_relation(tag))[
            :MAX_TAGS
        ],
        languages=tuple(
            code for code in _words(data, "language") if LANGUAGE_RE.fullmatch(code) and len(code) <= 16
        )[:MAX_LANGUAGES],
        license=_word(data, "license"),
        dataset=", ".join(_words(data, "datasets"))[: LIMITS["dataset"]],
        base_model=next(iter(_words(data, "base_model")), ""),
    )
    bad = {
        problem.field: "" if isinstance(getattr(candidate, problem.field), str) else ()
        for problem in metadata_problems(candidate)
    }
    return replace(candidate, **bad)  # type: ignore[arg-type]


def _is_relation(tag: str) -> bool:
    """PEFT writes `base_model:adapter:owner/name` into the tags; the hub knows the base model already."""
    return tag.startswith("base_model:")


def _word(data: Mapping[Any, Any], key: str) -> str:
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""


def _words(data: Mapping[Any, Any], key: str) -> Iterable[str]:
    value = data.get(key)
    items = value if isinstance(value, list) else [value]
    # YAML 1.1 reads the language code "no" as false
    texts = ("no" if item is False and key == "language" else item for item in items[:100])
    return list(dict.fromkeys(item.strip() for item in texts if isinstance(item, str) and item.strip()))


def _unstorable(text: str) -> bool:
    """NUL or half a surrogate pair: PostgreSQL takes neither."""
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)
