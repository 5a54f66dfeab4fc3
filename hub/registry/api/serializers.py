"""What the registry's endpoints take and give; drf-spectacular documents the API from these."""

from typing import Any

from rest_framework import serializers

from composer.errors import ExampleError
from composer.examples import Example, parse_examples
from composer.prompts import FORMATS
from hub.registry.models import BaseModel, Evaluation, Gate
from hub.registry.services import ModuleMetadata, split_list

MAX_FIT_EXAMPLES = 100


class WordsField(serializers.ListField):
    """A list of words; also one text with commas, or a repeated form field."""

    child = serializers.CharField(max_length=400, allow_blank=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=50, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        words: list[str] = super().to_internal_value([data] if isinstance(data, str) else data)
        return list(split_list(",".join(words)))


class SampleSerializer(serializers.Serializer[Any]):
    input = serializers.CharField(trim_whitespace=False, max_length=2000)
    output = serializers.CharField(trim_whitespace=False, max_length=2000)


class SamplesField(serializers.ListField):
    """A list of rows; in a form their JSON, as one text or one a row."""

    child = SampleSerializer()

    def to_internal_value(self, data: Any) -> list[Example]:
        texts = [data] if isinstance(data, str) else data
        if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
            if not (text := "\n".join(texts)).strip():
                return []
            try:
                return parse_examples(text)
            except ExampleError as error:
                raise serializers.ValidationError(f"{error}.") from error
        rows: list[dict[str, str]] = super().to_internal_value(data)
        return [Example(row["input"], row["output"]) for row in rows]


class BaseModelSerializer(serializers.ModelSerializer[BaseModel]):
    class Meta:
        model = BaseModel
        fields = (
            "model_id",
            "revision",
            "architecture",
            "fingerprint",
            "parameters",
            "context_length",
            "is_default",
            "created_at",
        )


class ModuleItemSerializer(serializers.Serializer[Any]):
    """A module in a list."""

    full_name = serializers.CharField(help_text="owner/name")
    owner = serializers.CharField()
    name = serializers.CharField()
    private = serializers.BooleanField()
    gate = serializers.ChoiceField(choices=Gate.values, help_text="Who downloads it: auto, manual, or all.")
    base_model = serializers.CharField(help_text="Id of the base model; empty if not known.")
    summary = serializers.CharField()
    task = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField())
    license = serializers.CharField()
    dataset = serializers.CharField()
    downloads = serializers.IntegerField()
    likes = serializers.IntegerField()
    peft_type = serializers.CharField()
    rank = serializers.IntegerField(help_text="The largest rank of any layer.")
    parameters = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes of the weights file.")
    composable = serializers.BooleanField(help_text="Can take part in a composition on this hub.")
    revision = serializers.CharField(help_text="Commit of the newest revision, 40 hex digits.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    url = serializers.CharField()


class FileSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    url = serializers.CharField(help_text="Where to download it.")


class RevisionSerializer(serializers.Serializer[Any]):
    commit = serializers.CharField()
    number = serializers.IntegerField()
    message = serializers.CharField()
    author = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    yanked = serializers.CharField(
        allow_null=True, help_text="Why it is to be used no more; null if it may be."
    )


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    class Meta:
        model = Evaluation
        fields = ("name", "metric", "value", "low", "high", "n", "source", "details")


class ParentSerializer(serializers.Serializer[Any]):
    module = serializers.CharField(allow_null=True, help_text="owner/name; null if you may not see it.")
    revision = serializers.CharField(allow_null=True)
    weight = serializers.FloatField()


class ModuleDetailSerializer(ModuleItemSerializer):
    """A module with the files of its newest revision."""

    prompt_template = serializers.CharField()
    prompt_format = serializers.ChoiceField(choices=FORMATS)
    system_prompt = serializers.CharField()
    samples = SamplesField(help_text="Rows {input, output} of the kind it was made for.")
    card = serializers.CharField(help_text="README.md without its front matter, Markdown.")
    alpha = serializers.FloatField()
    targets = serializers.ListField(child=serializers.CharField())
    dtype = serializers.CharField()
    safetensors = serializers.DictField(help_text='{"parameters": {"F32": 1024}, "total": 1024}')
    not_composable_reason = serializers.CharField()
    files = FileSerializer(many=True)
    revisions = RevisionSerializer(many=True)
    evaluations = EvaluationSerializer(many=True)
    parents = ParentSerializer(many=True)


class MetadataSerializer(serializers.Serializer[Any]):
    """What the author says. What is left out when a module is made is read from the files."""

    summary = serializers.CharField(required=False, allow_blank=True, max_length=200)
    task = serializers.CharField(required=False, allow_blank=True, max_length=64)
    tags = WordsField(required=False)
    languages = WordsField(required=False, help_text="Codes such as en, de.")
    license = serializers.CharField(required=False, allow_blank=True, max_length=64)
    dataset = serializers.CharField(required=False, allow_blank=True, max_length=200)
    prompt_template = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=4000,
        help_text="Text with {input} once and {output} at its end.",
    )
    prompt_format = serializers.ChoiceField(
        choices=FORMATS, required=False, help_text="chat: the template is the user's turn of a chat."
    )
    system_prompt = serializers.CharField(
        required=False, allow_blank=True, max_length=4000, help_text="The system's turn of a chat."
    )
    base_model = serializers.CharField(required=False, allow_blank=True, max_length=200)
    samples = SamplesField(
        required=False,
        help_text="At most 5 rows {input, output} of the kind it was made for; JSON in a multipart form.",
    )

    def metadata(self, present: ModuleMetadata | None = None) -> ModuleMetadata:
        """The validated values over the present ones."""
        present = present or ModuleMetadata()
        given = self.validated_data
        return ModuleMetadata(
            summary=given.get("summary", present.summary),
            task=given.get("task", present.task),
            tags=tuple(given.get("tags", present.tags)),
            languages=tuple(given.get("languages", present.languages)),
            license=given.get("license", present.license),
            dataset=given.get("dataset", present.dataset),
            prompt_template=given.get("prompt_template", present.prompt_template)
            .replace("\r\n", "\n")
            .strip("\n"),
            prompt_format=given.get("prompt_format", present.prompt_format),
            system_prompt=given.get("system_prompt", present.system_prompt),
            base_model=given.get("base_model", present.base_model),
            samples=tuple(given.get("samples", present.samples)),
        )


class VisibilitySerializer(serializers.Serializer[Any]):
    visibility = serializers.ChoiceField(choices=["public", "private"], required=False)
    private = serializers.BooleanField(required=False, help_text="The same as visibility.")

    def is_private(self, present: bool = False) -> bool:
        given = self.validated_data
        if "visibility" in given:
            return bool(given["visibility"] == "private")
        return bool(given.get("private", present)) if "private" in self.initial_data else present


class ModulePatchSerializer(VisibilitySerializer, MetadataSerializer):
    """Changes to a module; what is left out stays."""

    card = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=1_000_000,
        help_text="README.md below its header, Markdown; makes a new revision.",
    )

    gate = serializers.ChoiceField(
        choices=Gate.values,
        required=False,
        allow_blank=True,
        help_text="Whether downloads must be asked for.",
    )
    gate_text = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="What whoever asks reads first."
    )


class ModuleCreateSerializer(VisibilitySerializer, MetadataSerializer):
    """A new module: multipart with a repeated field `files`."""

    name = serializers.CharField(max_length=200, help_text="Its name below your own, or owner/name.")
    owner = serializers.CharField(
        max_length=96, required=False, allow_blank=True, help_text="You, or an organisation of yours."
    )
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True, max_length=300), allow_empty=False, max_length=200
    )


class RevisionCreateSerializer(MetadataSerializer):
    """New files of a module: multipart with a repeated field `files`. Metadata that is left out stays."""

    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True, max_length=300), allow_empty=False, max_length=200
    )
    message = serializers.CharField(required=False, allow_blank=True, max_length=200)


class FitExampleSerializer(serializers.Serializer[Any]):
    input = serializers.CharField(trim_whitespace=False)
    output = serializers.CharField(trim_whitespace=False)


class FitRequestSerializer(serializers.Serializer[Any]):
    """A task, told by a few of its rows."""

    base_model = serializers.CharField(max_length=200, help_text="Id of a registered base model.")
    examples = FitExampleSerializer(many=True, help_text=f"1 to {MAX_FIT_EXAMPLES} of its rows.")


class FitItemSerializer(ModuleItemSerializer):
    """A module that may help."""

    score = serializers.FloatField(
        help_text="1: first by meaning, by sample rows and by words; 0: no ranking knows it, it follows by downloads."
    )
    similarity = serializers.FloatField(
        allow_null=True, help_text="Cosine of what the examples and the module are about; null if not known."
    )


class FitSerializer(serializers.Serializer[Any]):
    ranked_by = serializers.ChoiceField(
        choices=["meaning and words", "words"], help_text="Words alone where the hub has no sentence model."
    )
    results = FitItemSerializer(many=True)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error."""

    code = serializers.CharField()
    detail = serializers.CharField()
    fields_ = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False
    )

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found
