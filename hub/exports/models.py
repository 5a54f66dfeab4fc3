"""A file made of a revision for another program."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Export(models.Model):
    """One wanted file, per revision and format. The row is the truth: a lost message is sent again when somebody asks."""

    class Format(models.TextChoices):
        GGUF = "gguf", "GGUF LoRA for llama.cpp"
        MERGED = "merged", "Merged model for transformers"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    UNFINISHED = (Status.WAITING, Status.RUNNING)

    revision = models.ForeignKey("registry.Revision", on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=16, choices=Format)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    attempt = models.PositiveIntegerField(default=0)  # only the newest one may write
    stored_as = models.CharField(max_length=200, blank=True)  # name in the storage
    size = models.PositiveBigIntegerField(default=0)  # bytes
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(db_default=Now())  # made or downloaded

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "format"], name="export_once")]

    def __str__(self) -> str:
        return f"{self.format} of {self.revision_id} ({self.status})"

    @property
    def is_finished(self) -> bool:
        return self.status not in self.UNFINISHED

    @property
    def file_name(self) -> str:
        """As a browser saves it."""
        ending = {"gguf": "-lora.gguf", "merged": "-merged.zip"}[self.format]
        return f"{self.revision.module.name}-{self.revision.short}{ending}"
