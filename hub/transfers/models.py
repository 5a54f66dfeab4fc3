"""Modules fetched from other hubs: what was asked for, and how each module came out."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse


class Import(models.Model):
    """One request. source: `owner/name`, or `owner/*` for a whole account. The row is the truth: messages may be lost."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Importing"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (Status.WAITING, Status.RUNNING)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="imports")
    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.CASCADE, related_name="imports")
    endpoint = models.CharField(max_length=200)  # https://huggingface.co
    source = models.CharField(max_length=200)
    revision = models.CharField(max_length=120, blank=True)  # of a single module; empty: main
    private = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    is_listed = models.BooleanField(default=False)  # its items are there
    attempt = models.PositiveIntegerField(default=0)  # only the newest one may write
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())  # the worker's last sign of life
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"import {self.pk} of {self.source} ({self.status})"

    def get_absolute_url(self) -> str:
        return reverse("transfers:import", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status not in self.UNFINISHED

    @property
    def is_account(self) -> bool:
        return self.source.endswith("/*")


class ImportItem(models.Model):
    """One module of an import. commit: the one over there that its revision here was made of."""

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        DONE = "done", "imported"
        SAME = "same", "was here already"
        SKIPPED = "skipped", "left out"
        FAILED = "failed", "failed"

    transfer = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="items")
    source = models.CharField(max_length=200)  # owner/name
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    commit = models.CharField(max_length=64, blank=True)
    revision = models.ForeignKey(
        "registry.Revision", null=True, blank=True, on_delete=models.SET_NULL, related_name="imported_by"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["transfer", "source"], name="import_item_once")]

    def __str__(self) -> str:
        return f"{self.source} ({self.status})"
