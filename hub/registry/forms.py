"""The forms of upload and edit. They collect; the services judge, and their problems are added to the fields."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from composer.errors import ExampleError
from composer.examples import Example, parse_examples
from hub.accounts.models import Namespace
from hub.registry.models import BaseModel
from hub.registry.services import ModuleMetadata, Problem, split_list

LICENSES = [
    "apache-2.0",
    "mit",
    "cc-by-4.0",
    "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc0-1.0",
    "openrail",
    "llama3",
    "gemma",
    "other",
]


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; cleans to a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) else [data] if data else []
        if not files and self.required:
            raise forms.ValidationError(
                "Choose the files of an adapter: adapter_config.json and adapter_model.safetensors."
            )
        # An empty file is judged by the service, like every other.
        return list(files)


class MetadataForm(forms.Form):
    """What an author says about a module."""

    summary = forms.CharField(required=False, max_length=200, help_text="One sentence: what does it do?")
    task = forms.CharField(
        required=False, max_length=64, help_text="A short name of the task, such as antonym or translation."
    )
    base_model = forms.CharField(
        required=False,
        max_length=200,
        help_text="Read from adapter_config.json if you leave it empty.",
        widget=forms.TextInput(attrs={"list": "base-models"}),
    )
    tags = forms.CharField(required=False, max_length=900, help_text="Separated by commas.")
    languages = forms.CharField(
        required=False, max_length=400, help_text="Codes such as en, de, separated by commas."
    )
    license = forms.CharField(
        required=False,
        max_length=64,
        label="Licence",
        help_text="Of the weights, for example apache-2.0.",
        widget=forms.TextInput(attrs={"list": "licenses"}),
    )
    dataset = forms.CharField(required=False, max_length=200, help_text="What it was trained on.")
    prompt_template = forms.CharField(
        required=False,
        strip=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
        help_text="The text the module was trained with: <code>{input}</code> once, and <code>{output}</code> at the end.",
    )

    prompt_format = forms.ChoiceField(
        required=False,
        choices=(("plain", "Plain: the filled template"), ("chat", "Chat: the template is the user's turn")),
        initial="plain",
    )
    system_prompt = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The system's turn, if it was trained in chats with one.",
    )
    samples = forms.CharField(
        required=False,
        strip=False,
        max_length=30_000,
        label="Sample rows",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
        help_text="Up to 5 rows of the kind it was made for, one per line as <code>input =&gt; output</code> "
        "or as JSON lines. The hub finds the module by them.",
    )

    @property
    def base_models(self) -> list[str]:
        return list(BaseModel.objects.values_list("model_id", flat=True))

    @property
    def licenses(self) -> list[str]:
        return LICENSES

    def metadata(self) -> ModuleMetadata:
        data = self.cleaned_data
        return ModuleMetadata(
            summary=data["summary"],
            task=data["task"],
            tags=split_list(data["tags"]),
            languages=split_list(data["languages"]),
            license=data["license"],
            dataset=data["dataset"],
            # Browsers send CR LF, a trailing line break is never meant
            prompt_template=data["prompt_template"].replace("\r\n", "\n").strip("\n"),
            prompt_format=data["prompt_format"],
            system_prompt=data["system_prompt"].replace("\r\n", "\n"),
            base_model=data["base_model"],
            samples=tuple(data["samples"]),
        )

    def clean_samples(self) -> list[Example]:
        text: str = self.cleaned_data["samples"]
        try:
            return parse_examples(text) if text.strip() else []
        except ExampleError as error:
            sentence = str(error)
            raise forms.ValidationError(f"{sentence[:1].upper()}{sentence[1:]}.") from error

    def add_problems(self, problems: list[Problem]) -> None:
        for problem in problems:
            self.add_error(problem.field if problem.field in self.fields else None, problem.detail)


class VisibilityForm(forms.Form):
    private = forms.BooleanField(
        required=False, label="Private: only you, or the members of the organisation, see it"
    )


class EditForm(VisibilityForm, MetadataForm):
    """Metadata, card and visibility of a module that is there."""

    card = forms.CharField(
        required=False,
        max_length=200_000,
        help_text="README.md in Markdown, without its header: that is written from the fields above.",
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono"}),
    )


class OwnerForm(forms.Form):
    """For something new: whoever may publish in organisations chooses an owner."""

    owner = forms.ChoiceField(required=False, help_text="You, or an organisation that you publish in.")

    def __init__(self, *args: Any, namespaces: Sequence[Namespace], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespaces = {namespace.name: namespace for namespace in namespaces}
        if len(self.namespaces) > 1:
            self.fields["owner"].choices = [(name, name) for name in self.namespaces]  # type: ignore[attr-defined]
        else:
            del self.fields["owner"]

    @property
    def namespace(self) -> Namespace:
        """The one that was chosen; the user's own without a choice."""
        chosen = self.cleaned_data.get("owner")
        return self.namespaces[chosen] if chosen else next(iter(self.namespaces.values()))


class UploadForm(OwnerForm, VisibilityForm, MetadataForm):
    """A new module."""

    name = forms.CharField(
        max_length=96, help_text="Letters, digits, “-”, “_” and “.”. It stays the module's address."
    )
    files = FilesField()  # type: ignore[assignment]  # a field, not the form's own .files
    field_order = ["files", "owner", "name"]


class RevisionForm(MetadataForm):
    """New files for a module that is there."""

    files = FilesField()  # type: ignore[assignment]  # a field, not the form's own .files
    message = forms.CharField(required=False, max_length=200, help_text="What changed?")
    field_order = ["files", "message"]
