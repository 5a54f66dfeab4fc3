"""User, the namespace a user owns, and access tokens."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class User(AbstractUser):
    """A person or a program with an account. The name is unique whatever its case (see Namespace)."""

    def __str__(self) -> str:
        return self.username


class Namespace(models.Model):
    """The first part of `owner/name`. Users and organisations share one set of names."""

    class Kind(models.TextChoices):
        USER = "user"
        ORGANISATION = "organisation"

    name = models.CharField(max_length=96)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.USER)
    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="namespace"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="namespace_name_any_case")]

    def __str__(self) -> str:
        return self.name

    def can_write(self, user: object) -> bool:
        """May this user publish under the name? So far: the owner."""
        return isinstance(user, User) and user.is_active and self.user_id == user.pk


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def usable(self) -> "AccessTokenQuerySet":
        """Not past their end, and their user may sign in."""
        alive = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(alive, user__is_active=True)


class AccessToken(models.Model):
    """A key for programs. Only its hash is kept; the text is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read", "Read: see and download what you can see"
        WRITE = "write", "Write: also publish, compose and cancel in your name"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    token_hash = models.CharField(max_length=64, unique=True)  # sha256, hex
    prefix = models.CharField(max_length=8)  # the first characters, to tell tokens apart
    scope = models.CharField(max_length=5, choices=Scope, default=Scope.READ)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def can_write(self) -> bool:
        return self.scope == self.Scope.WRITE

    @property
    def is_expired(self) -> bool:
        expires: datetime | None = self.expires_at
        return expires is not None and expires <= timezone.now()
