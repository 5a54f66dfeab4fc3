"""The same request twice, done once: the answers that are kept under the keys of whoever asked.

The key's row is written first, in the same transaction as what is asked for. So a second request with the key waits for the
first (the unique index makes it), an error leaves neither behind, and a process that dies leaves nothing half done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from hub.accounts.errors import AccountError
from hub.accounts.models import IdempotencyKey, User

KEPT_FOR = timedelta(days=1)
WAIT = 10  # seconds for another request with the same key
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code


class KeyRefused(AccountError):
    """The request with this key cannot be answered (again)."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    location: str = ""


def once(
    *, user: User, key: str, request_hash: str, act: Callable[[], Answer], secret: bool = False
) -> tuple[Answer, bool]:
    """The answer of `act`, and whether it is the one of an earlier request.

    secret: the answer is shown once and not kept. Raises KeyRefused (409): idempotency_conflict (another request had this
    key), idempotency_in_progress, secret_not_kept; and whatever `act` raises, after which the key is free again.
    """
    with transaction.atomic():
        row = _take(user, key, request_hash)
        if row is None:
            return _earlier(user, key, request_hash, secret), True
        answer = act()
        row.status, row.location = answer.status, answer.location
        row.body = None if secret else answer.body
        row.save(update_fields=["status", "location", "body"])
        return answer, False


def clean_up() -> int:
    """Forget the keys that are older than a day; how many."""
    return int(IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0])


def _take(user: User, key: str, request_hash: str) -> IdempotencyKey | None:
    """The key's new row, or None if there is one already. Waits for a request that has it and is not done."""
    old = timezone.now() - KEPT_FOR
    IdempotencyKey.objects.filter(user=user, key=key, created_at__lt=old).delete()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{WAIT}s'")
            row = IdempotencyKey.objects.create(user=user, key=key, request_hash=request_hash)
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
            return row
    except IntegrityError:
        return None
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        sentence = "The first request with this Idempotency-Key is still being answered; ask again."
        raise KeyRefused(sentence, code="idempotency_in_progress", status=409) from error


def _earlier(user: User, key: str, request_hash: str, secret: bool) -> Answer:
    row = IdempotencyKey.objects.get(user=user, key=key)
    if row.request_hash != request_hash:
        sentence = "This Idempotency-Key was used for another request; use a new one."
        raise KeyRefused(sentence, code="idempotency_conflict", status=409)
    if secret:
        sentence = (
            "This was done before, and the secret in its answer is not kept; make a new one, with a new key."
        )
        raise KeyRefused(sentence, code="secret_not_kept", status=409)
    return Answer(row.status, row.body, row.location)
