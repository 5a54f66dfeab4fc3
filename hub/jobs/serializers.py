"""A job as JSON, and a request for one. Ranges, names and modules are judged by preflight, so that form and API agree."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from composer.examples import Example, with_options
from composer.prompts import AUTO_TEMPLATE, FORMATS
from composer.settings import ARMS, METHODS, OBJECTIVES, OPTIMIZERS
from hub.jobs.models import Job
from hub.jobs.preflight import (
    AUTO,
    BOUND,
    BUDGET,
    LAYER_GROUPS,
    MAX_EXAMPLES,
    MAX_HOLDOUT,
    MAX_MODULES,
    PENALTY,
    RANK,
    TUNE_STEPS,
    ComposeRequest,
)
from hub.jobs.progress import JobProgress


class ExampleSerializer(serializers.Serializer[Any]):
    input = serializers.CharField(trim_whitespace=False, allow_blank=True, default="")
    output = serializers.CharField(trim_whitespace=False, allow_blank=True, default="")
    options = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, allow_blank=True),
        required=False,
        help_text="The answers to choose from, the output among them; their likelihoods are ranked.",
    )

    def to_representation(self, instance: Any) -> Any:
        return instance  # a stored row, which has options only where they were given


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": [AUTO]},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_MODULES},
        ],
        "description": 'A list of "owner/name" or "owner/name@revision", or "auto": the hub chooses.',
    }
)
class ModulesField(serializers.Field):
    def to_internal_value(self, data: Any) -> list[str] | str:
        if data == AUTO:
            return AUTO
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            raise serializers.ValidationError('Write a list of module names, or "auto".')
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class JobRequestSerializer(serializers.Serializer[Any]):
    base_model = serializers.CharField(help_text="Id of a registered base model; see base-models/.")
    modules = ModulesField()
    examples = ExampleSerializer(many=True, help_text=f"The few-shot rows, 1 to {MAX_EXAMPLES}.")
    holdout = ExampleSerializer(
        many=True,
        default=list,
        help_text=f"Rows that the search does not see, to compare on; up to {MAX_HOLDOUT}.",
    )
    method = serializers.CharField(default=AUTO, help_text=f"One of {', '.join(METHODS)}.")
    optimizer = serializers.CharField(default=AUTO, help_text=f"One of {', '.join(OPTIMIZERS)}.")
    budget = serializers.IntegerField(
        default=40, help_text=f"Combinations to try, {BUDGET[0]} to {BUDGET[1]}."
    )
    seed = serializers.IntegerField(default=0)
    bound = serializers.FloatField(
        default=1.5, help_text=f"Largest size of a weight, {BOUND[0]} to {BOUND[1]}."
    )
    penalty = serializers.FloatField(
        default=0.05, help_text=f"Weight of the penalty, {PENALTY[0]} to {PENALTY[1]}."
    )
    rank = serializers.IntegerField(default=16, help_text=f"Rank of the result, {RANK[0]} to {RANK[1]}.")
    options = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False, allow_blank=True),
        default=list,
        help_text="Answers to choose from, for all rows that name none of their own.",
    )
    objective = serializers.CharField(default="loss", help_text=f"One of {', '.join(OBJECTIVES)}.")
    compare = serializers.CharField(
        default="full",
        help_text=f"What to compare the result with, one of {', '.join(ARMS)}; full adds in-context learning, random "
        "modules and a LoRA tuned on the examples.",
    )
    tune_steps = serializers.IntegerField(
        default=0,
        help_text=f"Steps of gradient tuning after the search, {TUNE_STEPS[0]} to {TUNE_STEPS[1]} at most; stopped early, "
        "and kept only if examples left out are answered better.",
    )
    layer_groups = serializers.IntegerField(
        default=0,
        help_text=f"Weights per module, {LAYER_GROUPS[0]} to {LAYER_GROUPS[1]}: one for each of so many groups of its "
        "layers in the second half of the search. 0: three where the budget allows, else one.",
    )
    prompt_template = serializers.CharField(
        default=AUTO_TEMPLATE,
        trim_whitespace=False,
        help_text='Text with {input} once and {output} at its end; "auto": the inputs as they are, or in a template '
        "that one of the modules records, whichever fits the examples better.",
    )
    prompt_format = serializers.CharField(
        default="plain", help_text=f"One of {', '.join(FORMATS)}; chat: the template is the user's turn."
    )
    system_prompt = serializers.CharField(
        default="", allow_blank=True, trim_whitespace=False, help_text="The system's turn of a chat."
    )
    namespace = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=96,
        help_text="The new module's owner: you, or an organisation of yours.",
    )
    name = serializers.CharField(
        default="", allow_blank=True, help_text="Of the new module; one is made if empty."
    )
    visibility = serializers.ChoiceField(choices=["public", "private"], default="public")

    def to_request(self) -> ComposeRequest:
        data: dict[str, Any] = dict(self.validated_data)
        data["private"] = data.pop("visibility") == "private"
        options = data.pop("options")
        for field in ("examples", "holdout"):
            rows = [
                Example(row["input"], row["output"], tuple(row.get("options", ()))) for row in data[field]
            ]
            data[field] = with_options(rows, options) if options else rows
        return ComposeRequest(**data)


class WeightSerializer(serializers.Serializer[Any]):
    module = serializers.CharField()
    revision = serializers.CharField()
    weight = serializers.FloatField(allow_null=True)
    layer_weights = serializers.ListField(
        child=serializers.FloatField(),
        help_text="Of its groups of layers, the lowest first, where they have weights of their own; weight is their mean.",
    )
    alone_loss = serializers.FloatField(allow_null=True, help_text="Few-shot loss of this module alone.")


class ProgressSerializer(serializers.Serializer[Any]):
    stage = serializers.ChoiceField(choices=[*Job.Stage.values, ""])
    message = serializers.CharField()
    evaluations = serializers.IntegerField()
    budget = serializers.IntegerField()
    best_loss = serializers.FloatField(allow_null=True)
    seconds_left = serializers.FloatField(allow_null=True)
    queue_position = serializers.IntegerField(allow_null=True)


class JobErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class OutputSerializer(serializers.Serializer[Any]):
    module = serializers.CharField()
    revision = serializers.CharField()
    private = serializers.BooleanField()
    url = serializers.CharField()


class JobSerializer(serializers.Serializer[Any]):
    """What anybody needs to know of a job, in a list."""

    id = serializers.IntegerField()
    url = serializers.CharField(source="get_absolute_url")
    status = serializers.ChoiceField(choices=Job.Status.values)
    base_model = serializers.CharField(source="base_model.model_id")
    name = serializers.CharField(source="output_full_name")
    method = serializers.CharField()
    optimizer = serializers.CharField()
    budget = serializers.IntegerField()
    seed = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.SerializerMethodField()
    output = serializers.SerializerMethodField()

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        return {"code": job.error_code, "detail": job.error} if job.status == Job.Status.FAILED else None

    @extend_schema_field(OutputSerializer(allow_null=True))
    def get_output(self, job: Job) -> dict[str, Any] | None:
        if job.output is None:
            return None
        module = job.output.module
        return {
            "module": module.full_name,
            "revision": job.output.commit,
            "private": module.is_private,
            "url": module.get_absolute_url(),
        }


class ArmSerializer(serializers.Serializer[Any]):
    """One way to answer, measured on the same rows as the others; intervals of 95 %."""

    key = serializers.CharField(
        help_text="base, in_context, best_single, uniform, placebo, tuned_lora, composition or tuned."
    )
    label = serializers.CharField()  # type: ignore[assignment]  # a field named as an option of fields
    loss = serializers.FloatField(allow_null=True, help_text="Nats per answer token.")
    loss_low = serializers.FloatField(allow_null=True)
    loss_high = serializers.FloatField(allow_null=True)
    exact_match = serializers.FloatField(help_text="Share of right answers.")
    exact_low = serializers.FloatField()
    exact_high = serializers.FloatField()
    n = serializers.IntegerField(help_text="Rows.")
    tokens = serializers.FloatField(allow_null=True, help_text="Of the prompt, mean over the rows.")
    weights = serializers.ListField(child=serializers.FloatField())
    details = serializers.DictField()
    answers = serializers.ListField(child=serializers.DictField())


class ContributionSerializer(serializers.Serializer[Any]):
    """What one module adds: how much the loss rises when its weight alone is zero, in nats per answer token."""

    name = serializers.CharField()
    weight = serializers.FloatField()
    gain = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class JobDetailSerializer(JobSerializer):
    """A whole job: progress while it runs, arms and result when it has succeeded."""

    auto_select = serializers.BooleanField()
    examples = ExampleSerializer(many=True)
    holdout = ExampleSerializer(many=True)
    bound = serializers.FloatField()
    penalty = serializers.FloatField()
    rank = serializers.IntegerField()
    compare = serializers.CharField()
    tune_steps = serializers.IntegerField()
    layer_groups = serializers.IntegerField()
    prompt_template = serializers.CharField()
    prompt_format = serializers.CharField()
    system_prompt = serializers.CharField()
    objective = serializers.CharField()
    visibility = serializers.SerializerMethodField()
    attempts = serializers.IntegerField()
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    progress = serializers.SerializerMethodField()
    weights = serializers.SerializerMethodField()
    arms = serializers.SerializerMethodField()
    contributions = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField(
        help_text="Everything that was measured; null until it has succeeded."
    )

    def __init__(self, instance: Job | None = None, **kwargs: Any) -> None:
        super().__init__(instance, **kwargs)
        if instance is not None:  # the schema is made from a serializer without one
            self.state = JobProgress(instance)

    def get_visibility(self, job: Job) -> str:
        return "private" if job.private else "public"

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: Job) -> dict[str, Any]:
        left = self.state.seconds_left
        return {
            "stage": job.stage,
            "message": self.state.message,
            "evaluations": job.evaluations_done,
            "budget": job.budget,
            "best_loss": finite(job.best_loss),
            "seconds_left": None if left is None else round(left, 1),
            "queue_position": self.state.queue_position,
        }

    @extend_schema_field(WeightSerializer(many=True))
    def get_weights(self, job: Job) -> list[dict[str, Any]]:
        weights: list[float | None] = [finite(w) for w in self.state.weights] or [None] * len(
            self.state.modules
        )
        return [
            {
                "module": m.revision.module.full_name,
                "revision": m.revision.commit,
                "weight": w,
                "layer_weights": self.state.layer_weights.get(m.position, []),
                "alone_loss": finite(m.probe_loss),
            }
            for m, w in zip(self.state.modules, weights, strict=False)
        ]

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_result(self, job: Job) -> dict[str, Any] | None:
        return job.result

    @extend_schema_field(ArmSerializer(many=True))
    def get_arms(self, job: Job) -> list[Any]:
        return list((job.result or {}).get("arms", []))

    @extend_schema_field(ContributionSerializer(many=True))
    def get_contributions(self, job: Job) -> list[Any]:
        return list((job.result or {}).get("contributions", []))


class CandidateSerializer(serializers.Serializer[Any]):
    """One combination that was tried. weights: in the order of the job's `weights`; if each module has several, for groups of
    its layers, they stand together, the lowest layers first."""

    generation = serializers.IntegerField()
    weights = serializers.ListField(child=serializers.FloatField(allow_null=True))
    loss = serializers.FloatField(allow_null=True)
    objective = serializers.FloatField(allow_null=True)


def finite(value: float | None) -> float | None:
    """JSON has no word for infinity and NaN."""
    return value if value is not None and value - value == 0 else None
