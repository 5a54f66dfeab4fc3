"""The compose form: what a person types, turned into the same ComposeRequest that the API makes."""

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from composer.errors import ComposerError
from composer.examples import (
    ARROW,
    MAX_FILE_BYTES,
    OPTIONS_MARK,
    Example,
    parse_examples,
    parse_options,
    with_options,
)
from composer.prompts import AUTO_TEMPLATE, instruction_template
from hub.accounts.models import User
from hub.accounts.organisations import namespaces_to_publish_in
from hub.jobs.choices import COMPARE, LAYER_GROUPS, METHODS, OBJECTIVES, OPTIMIZERS, PROMPT_FORMATS
from hub.jobs.errors import JobRefused
from hub.jobs.models import Job
from hub.jobs.preflight import AUTO, ComposeRequest, check_request, sentence_of
from hub.jobs.services import request_hash
from hub.registry.models import BaseModel

EMPTY_ROWS = 5
NUMBERS = ("budget", "seed", "penalty", "bound", "rank", "tune_steps", "layer_groups")
VISIBILITY = (
    ("public", "Public: everybody can find and use it"),
    ("private", "Private: only you, or your organisation"),
)
CHOOSE = (("auto", "Choose for me"), ("picked", "I pick them"))
# The request's field -> the form's field that shows what is wrong with it.
SHOWN_AT = {"examples": "examples_text", "holdout": "holdout_text", "private": "visibility"}


class ComposeForm(forms.Form):
    """After is_valid(), `compose_request` is the checked request. Rows typed in pairs come as row_input, row_output."""

    base_model = forms.ModelChoiceField(BaseModel.objects.all(), to_field_name="model_id", empty_label=None)
    examples_text = forms.CharField(
        label="Examples",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
    )
    examples_file = forms.FileField(label="… or a file", required=False)
    instruction = forms.CharField(
        label="Instruction",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What the model is asked to do, put before every input. It becomes part of the prompt.",
    )
    holdout_text = forms.CharField(
        label="Held-out rows",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
    )
    holdout_file = forms.FileField(label="… or a file", required=False)
    choose = forms.ChoiceField(
        label="Modules", choices=CHOOSE, widget=forms.RadioSelect, initial="auto", required=False
    )
    method = forms.ChoiceField(choices=list(METHODS.items()), initial=AUTO, required=False)
    optimizer = forms.ChoiceField(choices=list(OPTIMIZERS.items()), initial=AUTO, required=False)
    budget = forms.IntegerField(initial=40, required=False, help_text="Combinations to try, 1 to 2000.")
    seed = forms.IntegerField(initial=0, required=False, help_text="The same seed gives the same result.")
    penalty = forms.FloatField(initial=0.05, required=False, help_text="Pull towards small weights.")
    bound = forms.FloatField(initial=1.5, required=False, help_text="Largest size of a weight.")
    rank = forms.IntegerField(initial=16, required=False, help_text="Rank of the new module.")
    objective = forms.ChoiceField(
        choices=list(OBJECTIVES.items()),
        initial="loss",
        required=False,
        help_text="What the search makes as good as it can on the examples.",
    )
    options_text = forms.CharField(
        label="Answer options",
        required=False,
        max_length=5000,
        help_text="If every answer is one of a few: all of them, with semicolons between. Which of them the model finds "
        "likeliest is then measured, too.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "yes; no"}),
    )
    prompt_format = forms.ChoiceField(choices=list(PROMPT_FORMATS.items()), initial="plain", required=False)
    system_prompt = forms.CharField(
        label="System prompt",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Of a chat; the model's own default if empty.",
    )
    tune_steps = forms.IntegerField(
        label="Tune afterwards",
        initial=0,
        required=False,
        help_text="At most so many steps of gradient tuning, kept only if they help on examples left out. 0: none.",
    )
    layer_groups = forms.TypedChoiceField(
        label="Weights per module",
        choices=list(LAYER_GROUPS.items()),
        coerce=int,
        empty_value=None,
        initial="0",
        required=False,
        help_text="Three need the method deltas and the optimizer probe or CMA-ES.",
    )
    compare = forms.ChoiceField(
        label="Compare with", choices=list(COMPARE.items()), initial="full", required=False
    )
    prompt_template = forms.CharField(
        label="Prompt template",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text="Instead of an instruction: text with {input} once and {output} at its end. Without either, the modules' "
        "own templates are tried on the examples, too, and the best is used.",
    )
    namespace = forms.CharField(label="Owner", required=False, max_length=96, widget=forms.Select)
    name = forms.CharField(
        label="Name",
        required=False,
        max_length=96,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "composition-…"}
        ),
    )
    visibility = forms.ChoiceField(
        choices=VISIBILITY, widget=forms.RadioSelect, initial="public", required=False
    )
    key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(
        self, data: QueryDict | None = None, files: Any = None, *, user: User, initial: Any = None
    ) -> None:
        super().__init__(data, files, initial=initial)
        self.user = user
        self.compose_request: ComposeRequest | None = None
        self._kept: dict[str, str] = {}  # files, which a browser does not send again, as text
        for name in ("budget", "seed", "rank", "tune_steps"):
            self.fields[name].widget.attrs["inputmode"] = "numeric"
        self.fields["namespace"].widget.choices = [
            ("" if place == user.namespace else place.name, place.name)
            for place in namespaces_to_publish_in(user)
        ]
        self.fields["penalty"].widget.attrs["step"] = self.fields["bound"].widget.attrs["step"] = "any"

    def _list(self, name: str) -> list[str]:
        return self.data.getlist(name) if isinstance(self.data, QueryDict) else []

    @property
    def picked(self) -> list[str]:
        """Names of the modules that are ticked now."""
        return self._list("modules") if self.is_bound else list(self.initial.get("modules", []))

    @property
    def choice(self) -> str:
        """ "auto" or "picked", as it stands now."""
        return str(self["choose"].value() or "auto")

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The rows of the little table, at least five."""
        pairs = list(zip_longest(self._list("row_input"), self._list("row_output"), fillvalue=""))
        pairs = [pair for pair in pairs if any(text.strip() for text in pair)]
        return pairs + [("", "")] * max(EMPTY_ROWS - len(pairs), 1)

    @property
    def has_typed_rows(self) -> bool:
        return any(text.strip() for pair in self.rows for text in pair)

    @property
    def advanced_open(self) -> bool:
        """Whether something in the drawer differs from its default, or is wrong."""
        names = (
            *("method", "optimizer", "objective", "compare", *NUMBERS),
            *("prompt_template", "prompt_format", "system_prompt"),
        )
        changed = any(
            str(self[n].value() or "") not in ("", str(self.fields[n].initial or "")) for n in names
        )
        return changed or any(name in self.errors for name in names)

    @property
    def idempotency_key(self) -> str | None:
        """The same form sent twice (a double click) is one job; changed and sent again it is another."""
        key = self.cleaned_data.get("key")
        return (
            f"form-{key}-{request_hash(self.compose_request)[:16]}" if key and self.compose_request else None
        )

    def clean_options_text(self) -> list[str]:
        try:
            return list(parse_options(self.cleaned_data["options_text"]))
        except ComposerError as error:
            raise forms.ValidationError(sentence_of(error), code=error.code) from error

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        examples = self._read("examples", typed=self._typed_rows())
        holdout = self._read("holdout")
        if self.errors:
            return data
        instruction = data["instruction"].replace("\r\n", "\n")
        if options := data["options_text"]:
            examples, holdout = with_options(examples, options), with_options(holdout, options)
        self.compose_request = request = ComposeRequest(
            base_model=data["base_model"].model_id,
            modules=self.picked if data.get("choose") == "picked" else AUTO,
            examples=examples,
            holdout=holdout,
            method=data["method"] or AUTO,
            optimizer=data["optimizer"] or AUTO,
            objective=data["objective"] or "loss",
            prompt_template=(data["prompt_template"] or "").replace("\r\n", "\n").strip("\n")
            or (instruction_template(instruction) if instruction.strip() else AUTO_TEMPLATE),
            prompt_format=data["prompt_format"] or "plain",
            system_prompt=data["system_prompt"].replace("\r\n", "\n"),
            namespace=data["namespace"],
            name=data["name"],
            private=data["visibility"] == "private",
            compare=data["compare"] or "full",
            **{n: data[n] for n in NUMBERS if data[n] is not None},
        )
        try:
            check_request(self.user, request)
        except JobRefused as refused:
            self.refuse(refused)
        return data

    def keep_files(self) -> None:
        """Before the form is shown again: what was read from files moves into the text fields."""
        data = self.data.copy() if isinstance(self.data, QueryDict) else QueryDict(mutable=True)
        for name, text in self._kept.items():
            data[name] = text
        self.data = data

    def refuse(self, refused: JobRefused) -> None:
        """Show what is wrong beside the fields."""
        for field, code, sentence in refused.problems:
            shown = SHOWN_AT.get(field, field)
            if shown == "prompt_template" and not self.cleaned_data.get("prompt_template"):
                shown = "instruction"
            self.add_error(
                shown if shown in self.fields else None, forms.ValidationError(sentence, code=code)
            )

    def _typed_rows(self) -> list[Example]:
        pairs = zip_longest(self._list("row_input"), self._list("row_output"), fillvalue="")
        return [Example(i, o) for i, o in pairs if i.strip() or o.strip()]

    def _read(self, what: str, *, typed: Sequence[Example] = ()) -> list[Example]:
        """Rows from the text, the file and the table together; a problem is noted at the text."""
        rows: list[Example] = []
        text = (self.cleaned_data.get(f"{what}_text") or "").replace("\r\n", "\n")
        file: UploadedFile | None = self.cleaned_data.get(f"{what}_file")
        try:
            if text.strip():
                rows += parse_examples(text)
        except ComposerError as error:
            self.add_error(f"{what}_text", forms.ValidationError(sentence_of(error), code=error.code))
        if file is not None:
            try:
                rows += parse_examples(_text_of(file))
                self._kept[f"{what}_text"] = rows_as_text([row.to_json() for row in rows])
            except (ComposerError, UnicodeDecodeError) as error:
                why = "is not UTF-8 text." if isinstance(error, UnicodeDecodeError) else sentence_of(error)
                self.add_error(
                    f"{what}_file", forms.ValidationError(f"{file.name}: {why}", code="bad_examples")
                )
        rows += typed
        if what == "examples" and not rows and not self.errors.keys() & {"examples_text", "examples_file"}:
            sentence = "There are no examples yet. Write one per line as  input => output."
            self.add_error("examples_text", forms.ValidationError(sentence, code="bad_examples"))
        return rows


def _text_of(file: UploadedFile) -> str:
    if file.size is not None and file.size > MAX_FILE_BYTES:
        return "x" * (MAX_FILE_BYTES + 1)  # parse_examples says how large it may be
    return bytes(file.read()).decode("utf-8")


def initial_from_job(job: Job, *, use: str = "") -> dict[str, Any]:
    """The form as it was for this job, to change something and run it again.

    use: an arm of its result to make instead: "uniform" (the same modules, equal weights: the first that a search tries,
    so a budget of 1 is enough) or "composition" (without tuning).
    """
    options = _common_options([*job.examples, *job.holdout])
    modules = [
        row.revision.module.full_name for row in job.modules.select_related("revision__module__namespace")
    ]
    changes: dict[str, Any] = {}
    if use == "composition":
        changes = {"tune_steps": 0}
    weights = _weights_of(job, "uniform") if use == "uniform" else []
    if len(weights) == len(modules):
        used = [name for name, weight in zip(modules, weights, strict=True) if weight]
        changes = {"choose": "picked", "modules": used, "budget": 1, "tune_steps": 0}
    return {
        "base_model": job.base_model.model_id,
        "examples_text": rows_as_text(_without(job.examples, options)),
        "holdout_text": rows_as_text(_without(job.holdout, options)),
        "options_text": "; ".join(options),
        "instruction": (instruction := _instruction_of(job.prompt_template)),
        "prompt_template": "" if instruction or job.prompt_template == AUTO_TEMPLATE else job.prompt_template,
        "choose": "auto" if job.auto_select else "picked",
        "modules": [] if job.auto_select else modules,
        "visibility": "private" if job.private else "public",
        "namespace": job.namespace.name if job.namespace.is_organisation else "",
        **{n: getattr(job, n) for n in ("objective", "prompt_format", "system_prompt")},
        **{n: getattr(job, n) for n in ("method", "optimizer", "compare", *NUMBERS)},
    } | changes


def _weights_of(job: Job, key: str) -> list[float]:
    """An arm's weights of the job's modules, in their order; empty without such an arm."""
    arms = (job.result or {}).get("arms", [])
    return next((list(arm["weights"]) for arm in arms if arm["key"] == key), [])


def _common_options(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The options that all rows share, if the field for them can say them; else none."""
    options: list[str] = rows[0].get("options", []) if rows else []
    shared = all(row.get("options", []) == options for row in rows)
    return options if shared and list(parse_options("; ".join(options))) == options else []


def _without(rows: Sequence[Mapping[str, Any]], options: list[str]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "options" or v != options} for row in rows]


def rows_as_text(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Rows as `input => output` lines; as JSON lines if one of them would not survive that."""
    lines = "\n".join(_line(row).replace("\n", "\\n") for row in rows)
    if not rows:
        return ""
    try:
        if [e.to_json() for e in parse_examples(lines)] == [dict(row) for row in rows]:
            return lines
    except ComposerError:
        pass
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _line(row: Mapping[str, Any]) -> str:
    options = f" {OPTIONS_MARK} {'; '.join(row['options'])}" if row.get("options") else ""
    return f"{row['input']} {ARROW} {row['output']}{options}"


def _instruction_of(template: str) -> str:
    tail = instruction_template("x").removeprefix("x")
    return template.removesuffix(tail) if template.endswith(tail) else ""
