"""Everything that can be wrong with a request to compose, named before anything is stored. Torch-free."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from composer.chats import folder_has_chats
from composer.errors import ComposerError
from composer.examples import Example, check_examples
from composer.prompts import AUTO_TEMPLATE, DEFAULT_TEMPLATE, FORMATS, PromptFormat
from composer.settings import (
    ARMS,
    METHODS,
    MOST_BUDGET,
    MOST_GROUPS,
    MOST_TUNE_STEPS,
    OBJECTIVES,
    OPTIMIZERS,
    faithful_problem,
    layer_groups_problem,
)
from hub.accounts.models import Namespace, User
from hub.accounts.names import name_error
from hub.jobs.errors import JobRefused
from hub.registry.models import BaseModel, Module, Revision
from hub.registry.services import RegistryError, require_download, resolve_module_ref
from hub.registry.services.names import why_taken

MAX_EXAMPLES = 64
MAX_HOLDOUT = 500
MAX_MODULES = 64
MAX_CHARACTERS = 200_000  # of all examples and held-out rows together, each
BUDGET = (1, MOST_BUDGET)
BOUND = (0.1, 10.0)
PENALTY = (0.0, 10.0)
RANK = (1, 128)
SEED = (0, 2**32 - 1)
TUNE_STEPS = (0, MOST_TUNE_STEPS)
LAYER_GROUPS = (0, MOST_GROUPS)
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """What a person or a program asks for, not yet believed. modules: full names with an optional @revision, or AUTO.

    namespace: the new module's owner, an organisation or the user; the user if empty.
    """

    base_model: str
    modules: Sequence[str] | str
    examples: Sequence[Example]
    holdout: Sequence[Example] = ()
    method: str = AUTO
    optimizer: str = AUTO
    budget: int = 40
    seed: int = 0
    bound: float = 1.5
    penalty: float = 0.05
    rank: int = 16
    compare: str = "full"
    tune_steps: int = 0
    layer_groups: int = 0
    prompt_template: str = AUTO_TEMPLATE
    prompt_format: str = "plain"
    system_prompt: str = ""
    objective: str = "loss"
    namespace: str = ""
    name: str = ""
    private: bool = False


@dataclass(slots=True)
class Checked:
    """The rows that a good request means. revisions: empty if the hub is to choose."""

    base_model: BaseModel
    namespace: Namespace
    revisions: list[Revision] = field(default_factory=list)


def check_request(user: User, request: ComposeRequest) -> Checked:
    """What `request` means for `user`. Raises JobRefused with every problem, in the order of the form."""
    problems: list[tuple[str, str, str]] = []

    def note(field_name: str, code: str, sentence: str) -> None:
        problems.append((field_name, code, sentence))

    base_model = _find_base_model(request.base_model, note)
    _check_rows("examples", request.examples, MAX_EXAMPLES, note)
    if request.holdout:
        _check_rows("holdout", request.holdout, MAX_HOLDOUT, note)
    _check_prompt(request, base_model, note)
    revisions = _find_modules(user, request.modules, base_model, note)
    _check_settings(request, note)
    namespace = _find_namespace(user, request.namespace, note)
    _check_name(namespace, request.name, note)
    if problems or base_model is None:
        raise JobRefused(problems)
    return Checked(base_model=base_model, namespace=namespace, revisions=revisions)


def sentence_of(error: Exception) -> str:
    """An error's text with a capital and a full stop."""
    text = str(error).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


Note = Callable[[str, str, str], None]


def _find_base_model(model_id: str, note: Note) -> BaseModel | None:
    base_model = None if "\x00" in model_id else BaseModel.objects.filter(model_id=model_id).first()
    if base_model is None:
        known = ", ".join(BaseModel.objects.order_by("model_id").values_list("model_id", flat=True)[:5])
        note(
            "base_model",
            "unknown_base",
            f"The base model {_quote(model_id)} is not on this hub. It has: {known or 'none yet'}.",
        )
    return base_model


def _check_rows(field_name: str, rows: Sequence[Example], maximum: int, note: Note) -> None:
    try:
        check_examples(rows, maximum=maximum)
    except ComposerError as error:
        note(field_name, error.code, sentence_of(error))
        return
    if sum(len(row.input) + len(row.output) for row in rows) > MAX_CHARACTERS:
        sentence = (
            f"The rows have more than {MAX_CHARACTERS:,} characters together; use fewer or shorter ones."
        )
        note(field_name, "bad_examples", sentence)


def _check_prompt(request: ComposeRequest, base_model: BaseModel | None, note: Note) -> None:
    if request.prompt_format not in FORMATS:
        sentence = f"The prompt format {_quote(request.prompt_format)} is not one of {_list(FORMATS)}."
        note("prompt_format", "unknown_prompt_format", sentence)
    for field_name, code, text in (
        ("prompt_template", "bad_settings", request.prompt_template),
        ("system_prompt", "bad_settings", request.system_prompt),
    ):
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            words = field_name.replace("_", " ")
            note(field_name, code, f"The {words} has characters that are not text.")
    template = DEFAULT_TEMPLATE if request.prompt_template == AUTO_TEMPLATE else request.prompt_template
    chat = request.prompt_format == "chat"
    try:
        PromptFormat(template, chat, request.system_prompt if chat else "").check()
    except ComposerError as error:
        note("prompt_template", error.code, sentence_of(error))
    if chat and base_model is not None and not folder_has_chats(base_model.folder):
        sentence = f"{base_model.model_id} has no chat template: use the plain prompt format."
        note("prompt_format", "no_chat_template", sentence)
    if request.system_prompt and not chat:
        sentence = "A system prompt is part of a chat: choose the chat format for it."
        note("system_prompt", "bad_settings", sentence)


def _find_modules(
    user: User, names: Sequence[str] | str, base_model: BaseModel | None, note: Note
) -> list[Revision]:
    if names == AUTO:
        usable = Module.objects.composable_by(user).filter(base_model=base_model)
        if base_model is not None and not usable.exists():
            note(
                "modules",
                "no_modules",
                f"This hub has no module for {base_model.model_id} that could be composed yet.",
            )
        return []
    if isinstance(names, str) or not names:
        note("modules", "no_modules", "Pick at least one module, or let the hub choose.")
        return []
    if len(names) > MAX_MODULES:
        note("modules", "too_many_modules", f"{len(names)} modules are too many; pick at most {MAX_MODULES}.")
        return []
    revisions: list[Revision] = []
    for name in names:
        try:
            revision = resolve_module_ref(name, user)
        except RegistryError:
            note(
                "modules", "unknown_module", f"There is no module {_quote(name)}, or it is not yours to use."
            )
            continue
        problem = _why_not_yours(revision, user) or _why_not(revision, base_model)
        if problem:
            note("modules", *problem)
        elif any(other.module_id == revision.module_id for other in revisions):
            note("modules", "module_twice", f"{revision.module.full_name} is picked twice.")
        else:
            revisions.append(revision)
    return revisions


def _why_not_yours(revision: Revision, user: User) -> tuple[str, str] | None:
    """The code and the sentence of why the user may not use a module that they see, or None."""
    try:
        require_download(user, revision.module)
    except RegistryError as error:
        return error.code, error.detail
    return None


def _why_not(revision: Revision, base_model: BaseModel | None) -> tuple[str, str] | None:
    """The code and the sentence of why a module cannot take part, or None."""
    module: Module = revision.module
    if module.base_model is None:
        label = module.base_model_label or "an unknown base model"
        return "unknown_base", f"{module.full_name} was made for {label}, which is not on this hub."
    if base_model is not None and module.base_model_id != base_model.pk:
        return (
            "other_base_model",
            f"{module.full_name} was made for {module.base_model.model_id}, not for {base_model.model_id}.",
        )
    if revision.yanked_at:
        return "yanked", f"{module.full_name} was yanked: {revision.yanked_reason}"
    if not revision.composable:
        reason = (revision.not_composable_reason or "its kind is not supported").rstrip(".")
        return (
            revision.not_composable_code or "not_composable",
            f"{module.full_name} cannot be composed: {reason}.",
        )
    return None


def _check_settings(request: ComposeRequest, note: Note) -> None:
    if request.method not in METHODS:
        note(
            "method", "unknown_method", f"The method {_quote(request.method)} is not one of {_list(METHODS)}."
        )
    if request.optimizer not in OPTIMIZERS:
        note(
            "optimizer",
            "unknown_optimizer",
            f"The optimizer {_quote(request.optimizer)} is not one of {_list(OPTIMIZERS)}.",
        )
    if request.objective not in OBJECTIVES:
        sentence = f"The objective {_quote(request.objective)} is not one of {_list(OBJECTIVES)}."
        note("objective", "unknown_objective", sentence)
    elif request.objective == "option_accuracy" and not all(row.options for row in request.examples):
        sentence = (
            "Option accuracy needs answer options for every example: name them for all, or in the rows."
        )
        note("objective", "no_options", sentence)
    if problem := faithful_problem(request.method, request.optimizer, request.objective, request.tune_steps):
        note("method", "not_faithful", sentence_of(ValueError(problem)))
    if problem := layer_groups_problem(request.method, request.optimizer, request.layer_groups):
        note("layer_groups", "bad_layer_groups", sentence_of(ValueError(problem)))
    if request.compare not in ARMS:
        note(
            "compare",
            "unknown_compare",
            f"The comparison {_quote(request.compare)} is not one of {_list(ARMS)}.",
        )
    ranges: tuple[tuple[str, float, tuple[float, float], str], ...] = (
        ("budget", request.budget, BUDGET, "combinations to try"),
        ("seed", request.seed, SEED, ""),
        ("bound", request.bound, BOUND, "largest size of a weight"),
        ("penalty", request.penalty, PENALTY, "weight of the penalty"),
        ("rank", request.rank, RANK, "rank of the result"),
        ("tune_steps", request.tune_steps, TUNE_STEPS, "steps of tuning afterwards"),
        ("layer_groups", request.layer_groups, LAYER_GROUPS, "weights per module"),
    )
    for field_name, value, (low, high), meaning in ranges:
        if not math.isfinite(value) or not low <= value <= high:
            explained = f" ({meaning})" if meaning else ""
            sentence = f"The {field_name}{explained} must be from {low:g} to {high:.12g}, not {value:.12g}."
            note(field_name, f"{field_name}_out_of_range", sentence)


def _find_namespace(user: User, name: str, note: Note) -> Namespace:
    """Where the new module goes; the user's own, with a note, if they may not publish there."""
    if not name:
        return user.namespace
    found = None if "\x00" in name else Namespace.objects.filter(name__iexact=name, deleted_at=None).first()
    if found is None or not found.can_write(user):
        note("namespace", "forbidden", f"You may not publish as {_quote(name)}.")
        return user.namespace
    return found


def _check_name(namespace: Namespace, name: str, note: Note) -> None:
    if not name:
        return
    if problem := name_error(name):
        note("name", "bad_name", problem)
    elif why := why_taken(namespace, name):
        note("name", "name_taken", why)


def _quote(text: str) -> str:
    shown = "".join(c if c.isprintable() else "�" for c in text)
    return f"“{shown[:80]}…”" if len(shown) > 80 else f"“{shown}”"


def _list(choices: Iterable[Any]) -> str:
    return ", ".join(str(choice) for choice in choices)
