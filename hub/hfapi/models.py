"""What the protocol itself has to remember: who has uploaded which bytes, and logins that wait for a browser."""

from django.conf import settings
from django.db import models

from hub.registry.models import Blob


class Upload(models.Model):
    """This user has sent these bytes, so a commit of theirs may name them by their sha256.

    Without it anybody could read a private file by committing its hash.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="uploads")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "blob"], name="upload_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.blob_id}"


class DeviceLogin(models.Model):
    """A program that waits for its user to confirm in the browser (RFC 8628). Its secret code is kept as a hash."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        CONFIRMED = "confirmed"
        REFUSED = "refused"
        DONE = "done"  # the token has been handed out

    code_hash = models.CharField(max_length=64, unique=True)  # sha256, hex
    user_code = models.CharField(max_length=9, unique=True)
    program = models.CharField(max_length=200, blank=True)  # its User-Agent
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=5, default="write")
    polled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_code} {self.status}"
