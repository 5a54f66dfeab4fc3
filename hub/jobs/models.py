"""A compose job, the modules it is made of, what it has tried so far, and the workers that run jobs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse

WORKER_IS_ALIVE = timedelta(seconds=30)


class ExactJSONField(models.TextField):
    """Lists of floats that come back bit for bit; jsonb has no -0.0, no infinity and no NaN."""

    _pyi_private_set_type: Any  # for the type checker: not text
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value)


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: Any) -> JobQuerySet:
        """A job, its examples included, is seen by its owner alone."""
        return self.filter(owner=user) if user.is_authenticated else self.none()

    def unfinished(self) -> JobQuerySet:
        return self.filter(status__in=Job.UNFINISHED)

    def claimable(self) -> JobQuerySet:
        """Queued jobs, and running ones whose worker let the lease run out (the database's clock)."""
        return self.filter(
            Q(status=Job.Status.QUEUED) | Q(status=Job.Status.RUNNING, lease_expires_at__lt=Now()),
        )


class Job(models.Model):
    """One request to compose. `examples` and `holdout` are lists of {"input", "output", "options"?}."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Stage(models.TextChoices):
        """What a running job is doing, in the order in which it happens."""

        LOAD = "load", "Loading the base model and the modules"
        SELECT = "select", "Trying each module alone"
        SEARCH = "search", "Searching for the best weights"
        WRITE = "write", "Compressing the result"
        EVALUATE = "evaluate", "Comparing the result"
        PUBLISH = "publish", "Publishing the new module"

    UNFINISHED = (Status.QUEUED, Status.RUNNING)
    FINISHED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    request_hash = models.CharField(max_length=64, blank=True)  # sha256 of the request behind the key

    # What is asked for.
    base_model = models.ForeignKey("registry.BaseModel", on_delete=models.PROTECT, related_name="jobs")
    auto_select = models.BooleanField(default=False)
    examples = models.JSONField()
    holdout = models.JSONField(default=list, blank=True)
    prompt_template = models.TextField()  # or "auto": the best of those that the modules record
    prompt_format = models.CharField(max_length=16, default="plain")
    system_prompt = models.TextField(blank=True, default="")
    objective = models.CharField(max_length=32, default="loss")
    method = models.CharField(max_length=32)
    optimizer = models.CharField(max_length=32)
    budget = models.PositiveIntegerField()
    seed = models.PositiveBigIntegerField(default=0)
    bound = models.FloatField()
    penalty = models.FloatField()
    rank = models.PositiveIntegerField()
    compare = models.CharField(max_length=16, default="full")  # one of composer.settings.ARMS
    tune_steps = models.PositiveIntegerField(default=0)  # after the search, at most; 0: no tuning
    layer_groups = models.PositiveSmallIntegerField(default=0)  # as in composer.settings
    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.CASCADE, related_name="jobs")
    name = models.CharField(max_length=96, blank=True)
    private = models.BooleanField(default=False)

    # Where it is.
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(max_length=16, choices=Stage.choices, blank=True)
    message = models.CharField(max_length=300, blank=True)
    evaluations_done = models.PositiveIntegerField(default=0)
    best_loss = models.FloatField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)  # when its message last went to the broker

    # Who may write to it.
    attempts = models.PositiveIntegerField(default=0)
    attempts_without_progress = models.PositiveIntegerField(default=0)
    lease_token = models.PositiveBigIntegerField(default=0)  # only grows
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    lease_holder = models.CharField(max_length=200, blank=True)

    # How it ended.
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    result = models.JSONField(null=True, blank=True)
    output = models.OneToOneField(
        "registry.Revision", on_delete=models.SET_NULL, null=True, blank=True, related_name="job"
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="job_idempotency"),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "succeeded", "failed", "cancelled"]),
                name="job_status",
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_expires_at__isnull=False),
                name="job_running_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at__isnull=True)
                | Q(status__in=["succeeded", "failed", "cancelled"], finished_at__isnull=False),
                name="job_finished_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="job_failure_has_reason"
            ),
            models.CheckConstraint(condition=Q(evaluations_done__lte=F("budget")), name="job_budget_kept"),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="job_by_owner"),
            models.Index(
                fields=["status", "created_at"],
                condition=Q(status__in=["queued", "running"]),
                name="job_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"job {self.pk} ({self.status})"

    def get_absolute_url(self) -> str:
        return reverse("jobs:detail", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in self.FINISHED

    @property
    def output_name(self) -> str:
        """The name that its module gets: the one asked for, or one made of its number."""
        return self.name or f"composition-{self.pk}"

    @property
    def output_full_name(self) -> str:
        return f"{self.namespace.name}/{self.output_name}"


class JobModule(models.Model):
    """One module that takes part: the revision as it was at submission, and the weight it got."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="modules")
    revision = models.ForeignKey("registry.Revision", on_delete=models.PROTECT, related_name="job_uses")
    position = models.PositiveIntegerField()
    weight = models.FloatField(null=True, blank=True)
    probe_loss = models.FloatField(null=True, blank=True)  # few-shot loss of this module alone

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="jobmodule_position"),
            models.UniqueConstraint(fields=["job", "revision"], name="jobmodule_revision"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}[{self.position}]"


class Generation(models.Model):
    """What one step of the search tried: the unit of checkpointing and of progress.

    candidates: [population][n_modules] weights, or [population][n_modules * groups of layers]; losses, objectives:
    [population], None where not finite; best_*: the best so far, this generation included; best_weights: [n_modules].
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="generations")
    index = models.PositiveIntegerField()
    candidates = ExactJSONField()
    losses = ExactJSONField()
    objectives = ExactJSONField()
    candidates_hash = models.CharField(max_length=64)
    best_loss = models.FloatField(null=True)
    best_weights = ExactJSONField()
    evaluations = models.PositiveIntegerField()  # in all, this generation included
    lease_token = models.PositiveBigIntegerField()  # of the attempt that wrote it
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["job", "index"], name="generation_once")]

    def __str__(self) -> str:
        return f"{self.job_id} generation {self.index}"


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> WorkerQuerySet:
        return self.filter(last_seen__gt=Now() - WORKER_IS_ALIVE)


class Worker(models.Model):
    """A worker process that said, on the database's clock, that it lives."""

    name = models.CharField(max_length=200, unique=True)
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    last_seen = models.DateTimeField(db_default=Now())

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
