"""Users and organisations with their namespaces, access tokens with what they may do, and the log of who did what."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from hub.accounts import policy


class User(AbstractUser):
    """A person or a program with an account. The name is unique whatever its case (see Namespace).

    token: the access token by which the user acts in this request, set by tokens.authenticate; None in a browser session
    and inside the hub. The policy looks at it, so a token never does more than it was made for.
    """

    token: AccessToken | None = None

    def __str__(self) -> str:
        return self.username


class Namespace(models.Model):
    """The first part of `owner/name`. Users and organisations share one set of names."""

    class Kind(models.TextChoices):
        USER = "user"
        ORGANISATION = "organisation"

    name = models.CharField(max_length=96)
    title = models.CharField(max_length=120, blank=True)  # an organisation's full name
    about = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.USER)
    user = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="namespace"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(
        null=True, blank=True
    )  # of an organisation; its name is never given again
    quota_bytes = models.BigIntegerField(null=True, blank=True)  # None: the hub's, HUB_QUOTA_GB
    quota_modules = models.PositiveIntegerField(null=True, blank=True)  # None: HUB_QUOTA_MODULES

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="namespace_name_any_case")]

    def __str__(self) -> str:
        return self.name

    def can_write(self, user: object) -> bool:
        """May this user publish under the name?"""
        return policy.may(user, policy.Action.WRITE, self)

    def can_manage(self, user: object) -> bool:
        return policy.may(user, policy.Action.MANAGE, self)

    @property
    def is_organisation(self) -> bool:
        return self.kind == self.Kind.ORGANISATION


class Role(models.TextChoices):
    """What a member may do in an organisation; each may also do what the ones before may."""

    READER = "reader", "Reader: sees and downloads private modules"
    WRITER = "writer", "Writer: also publishes and edits modules"
    OWNER = "owner", "Owner: also decides about members, visibility, names and deletion"


class Membership(models.Model):
    """A user in an organisation. An organisation always has an owner."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role, default=Role.READER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user__username"]
        constraints = [models.UniqueConstraint(fields=["namespace", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} in {self.namespace_id}"


class Invitation(models.Model):
    """An owner asks a user to join. Gone when it is answered: nobody becomes a member without saying yes."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="invitations")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=6, choices=Role, default=Role.READER)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["namespace", "user"], name="invited_once")]

    def __str__(self) -> str:
        return f"{self.user_id} invited to {self.namespace_id}"


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def usable(self) -> AccessTokenQuerySet:
        """Not past their end, and their user may sign in."""
        alive = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(alive, user__is_active=True)


class AccessToken(models.Model):
    """A key for programs. Only its hash is kept; the text is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read", "Read: see and download what you can see"
        WRITE = "write", "Write: also publish, compose and cancel in your name"
        FINE = "fine", "Only what is chosen below"

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
        """Does it stand for its user in everything, writing included?"""
        return self.scope == self.Scope.WRITE

    @property
    def is_fine_grained(self) -> bool:
        return self.scope == self.Scope.FINE

    @property
    def is_expired(self) -> bool:
        expires: datetime | None = self.expires_at
        return expires is not None and expires <= timezone.now()


class TokenGrant(models.Model):
    """What a fine-grained token may do with one module, or with all modules of one namespace. Each permission holds the ones
    before it."""

    class Permission(models.TextChoices):
        READ = "read", "Read and download"
        WRITE = "write", "Publish and edit too"
        MANAGE = "manage", "All that I may do"

    token = models.ForeignKey(AccessToken, on_delete=models.CASCADE, related_name="grants")
    namespace = models.ForeignKey(Namespace, null=True, on_delete=models.CASCADE, related_name="+")
    module = models.ForeignKey("registry.Module", null=True, on_delete=models.CASCADE, related_name="+")
    permission = models.CharField(max_length=6, choices=Permission, default=Permission.READ)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(namespace=None) ^ models.Q(module=None), name="grant_for_one_thing"
            ),
            models.UniqueConstraint(fields=["token", "namespace"], name="grant_namespace_once"),
            models.UniqueConstraint(fields=["token", "module"], name="grant_module_once"),
        ]

    def __str__(self) -> str:
        return f"{self.permission} {self.target}"

    @property
    def target(self) -> str:
        """`alice` or `alice/opposites`."""
        return str(self.module or self.namespace)


class AuditEvent(models.Model):
    """One thing that somebody did to a namespace, its modules, members or tokens. A trigger of the database refuses to change
    or delete a row. actor and module are plain numbers: the log outlives what it tells of."""

    at = models.DateTimeField(auto_now_add=True)
    namespace = models.ForeignKey(Namespace, on_delete=models.PROTECT, related_name="events")
    module = models.BigIntegerField(null=True)
    actor = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150)
    token = models.CharField(max_length=70, blank=True)  # name and prefix of the token by which it was done
    action = models.CharField(max_length=40)  # see audit.SENTENCES
    subject = models.CharField(max_length=200, blank=True)  # what it was done to, as it was called then
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["namespace", "-id"], name="events_of_namespace"),
            models.Index(fields=["module", "-id"], name="events_of_module"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.subject}"


class IdempotencyKey(models.Model):
    """A request of the REST API that was sent with a key of its sender's, and its answer. Kept for a day."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="idempotency_keys")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)  # sha256, hex
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)  # None too where the answer holds a secret
    location = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"
