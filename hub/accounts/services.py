"""Writes on accounts: users with their namespace, and tokens."""

import hashlib
import secrets
import string
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from hub.accounts.models import AccessToken, Namespace, User
from hub.accounts.names import namespace_error

ALPHABET = string.ascii_letters + string.digits
TOKEN_LENGTH = 36  # characters after "hf_": 214 bits, and what llama.cpp accepts (34 or more)
SEEN_EVERY = timedelta(minutes=1)


class AccountError(Exception):
    """The account or token cannot be made. The text is shown to the user; `field` names the form's field."""

    def __init__(self, detail: str, *, code: str, field: str) -> None:
        super().__init__(detail)
        self.code = code
        self.field = field


def create_user(
    username: str, email: str = "", password: str | None = None, *, is_superuser: bool = False
) -> User:
    """A user and the namespace of the same name. Without a password the user can sign in by token only.

    Raises AccountError: `bad_name`, or `name_taken` if a user or organisation has the name in any case.
    """
    if problem := namespace_error(username):
        raise AccountError(problem, code="bad_name", field="username")
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                username, email, password, is_superuser=is_superuser, is_staff=is_superuser
            )
            give_namespace(user)
    except IntegrityError as error:
        raise AccountError(f"The name “{username}” is taken.", code="name_taken", field="username") from error
    return user


def give_namespace(user: User) -> None:
    """The namespace of a new user. Raises IntegrityError if somebody has the name, in any case."""
    Namespace.objects.create(name=user.username, kind=Namespace.Kind.USER, user=user)


def taken_error(name: str) -> str | None:
    """A sentence if a user or organisation has this name, in any case."""
    return f"The name “{name}” is taken." if Namespace.objects.filter(name__iexact=name).exists() else None


def hash_token(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode("utf-8", "replace")).hexdigest()


def create_token(
    *, user: User, name: str, scope: str = AccessToken.Scope.READ, expires_at: datetime | None = None
) -> tuple[AccessToken, str]:
    """A new token and its text, `hf_` and 36 letters and digits, which cannot be read again later."""
    plaintext = "hf_" + "".join(secrets.choice(ALPHABET) for _ in range(TOKEN_LENGTH))
    token = AccessToken.objects.create(
        user=user,
        name=name,
        scope=AccessToken.Scope(scope),
        expires_at=expires_at,
        token_hash=hash_token(plaintext),
        prefix=plaintext[:7],
    )
    return token, plaintext


def find_token(plaintext: str) -> AccessToken | None:
    """The usable token with this text. Notes when it was last used, at most once a minute."""
    token = (
        AccessToken.objects.usable().select_related("user").filter(token_hash=hash_token(plaintext)).first()
    )
    now = timezone.now()
    if token and (token.last_used_at is None or now - token.last_used_at > SEEN_EVERY):
        AccessToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke_token(*, user: User, token_id: int) -> bool:
    """Delete one of the user's own tokens. False if the user has no such token."""
    deleted, _ = AccessToken.objects.filter(user=user, pk=token_id).delete()
    return deleted > 0
