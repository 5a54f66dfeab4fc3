"""Writes on accounts: users with their namespace. Tokens are made in tokens.py and can be imported from here too."""

from django.db import IntegrityError, transaction

from hub.accounts.errors import AccountError
from hub.accounts.models import Namespace, User
from hub.accounts.names import namespace_error
from hub.accounts.tokens import create_token, find_token, hash_token, revoke_token

__all__ = [
    "AccountError",
    "create_token",
    "create_user",
    "find_token",
    "give_namespace",
    "hash_token",
    "revoke_token",
    "taken_error",
]


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
