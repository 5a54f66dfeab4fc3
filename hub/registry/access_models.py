"""Who asked for a gated module's files, and what became of it; the names that modules had before."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower


class Gate(models.TextChoices):
    """Whether everybody who sees a module may download it."""

    OPEN = "", "Open: whoever sees it downloads it"
    AUTO = "auto", "Ask, and get in: everybody who asks may download, and you see who"
    MANUAL = "manual", "Ask, and wait: you decide about every request"


class AccessRequest(models.Model):
    """A user's request for the files of a gated module; one row for each, whatever becomes of it."""

    class Status(models.TextChoices):
        PENDING = "pending"
        GRANTED = "granted"
        DENIED = "denied"
        REVOKED = "revoked"

    module = models.ForeignKey("registry.Module", on_delete=models.CASCADE, related_name="access_requests")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests"
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["module", "user"], name="one_request_each")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.status} for {self.module_id}"


class ModuleAlias(models.Model):
    """A name that a module had before it was renamed or moved. It leads to the module, and is not given to another."""

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.PROTECT, related_name="aliases")
    name = models.CharField(max_length=96)
    module = models.ForeignKey("registry.Module", on_delete=models.CASCADE, related_name="aliases")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("namespace", Lower("name"), name="alias_any_case")]

    def __str__(self) -> str:
        return f"{self.namespace.name}/{self.name}"
