"""Ask for an import, watch over it, end it. Torch-free."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from hub.accounts.models import Namespace, User
from hub.transfers.errors import TransferError
from hub.transfers.fetch import REPO_RE
from hub.transfers.models import Import, ImportItem
from hub.transfers.wire import endpoint_of

MAX_UNFINISHED = 3  # of one person
ABANDONED_AFTER = timedelta(seconds=90)  # without a sign of life; reading from another hub may take 60
SEND_AGAIN_AFTER = timedelta(seconds=15)
Status = Import.Status

log = logging.getLogger(__name__)


@transaction.atomic
def request_import(
    *,
    user: User,
    namespace: Namespace,
    source: str,
    endpoint: str = "",
    revision: str = "",
    private: bool = False,
) -> Import:
    """Store an import of `owner/name` or `owner/*` and wake a worker. Raises TransferError."""
    origin = endpoint_of(endpoint)
    wanted = source.strip().removeprefix(f"{origin}/").strip("/")
    account, _, name = wanted.partition("/")
    if name != "*" and not REPO_RE.fullmatch(wanted):
        raise TransferError("bad_source", "Write owner/name, or owner/* for all of an account.")
    if name == "*" and (revision or not REPO_RE.fullmatch(f"{account}/x")):
        raise TransferError("bad_source", "A whole account is written owner/*, without a revision.")
    if len(revision) > 120 or not revision.isprintable():
        raise TransferError("bad_revision", "The revision is a branch, a tag or a commit.")
    if not namespace.can_write(user):
        raise TransferError("forbidden", f"You may not publish as {namespace.name}.", status=403)
    User.objects.select_for_update().get(pk=user.pk)  # two requests at once count each other
    unfinished = Import.objects.filter(owner=user, status__in=Import.UNFINISHED)
    same = unfinished.filter(
        endpoint=origin, source__iexact=wanted, revision=revision, namespace=namespace, private=private
    ).first()
    if same is not None:  # a form sent twice
        return same
    if unfinished.count() >= MAX_UNFINISHED:
        sentence = f"{MAX_UNFINISHED} imports of yours are on their way; wait for one, or cancel one."
        raise TransferError("too_many_imports", sentence, status=429)
    made = Import.objects.create(
        owner=user, namespace=namespace, endpoint=origin, source=wanted, revision=revision, private=private
    )
    if not made.is_account:
        ImportItem.objects.create(transfer=made, source=wanted)
        Import.objects.filter(pk=made.pk).update(is_listed=True)
    transaction.on_commit(lambda: send(made.pk), robust=True)
    made.refresh_from_db()
    return made


def cancel(transfer: Import) -> None:
    """No further module is begun. A finished import stays as it is."""
    Import.objects.filter(pk=transfer.pk, status__in=Import.UNFINISHED).update(
        status=Status.CANCELLED, changed_at=Now()
    )
    transfer.refresh_from_db()


@transaction.atomic
def retry(transfer: Import) -> None:
    """Try again what failed, or was not reached. Raises TransferError not_finished (409)."""
    locked = Import.objects.select_for_update().get(pk=transfer.pk)
    if not locked.is_finished:
        raise TransferError("not_finished", "It is still on its way.", status=409)
    locked.items.filter(status=ImportItem.Status.FAILED).update(
        status=ImportItem.Status.WAITING, error="", error_code=""
    )
    Import.objects.filter(pk=locked.pk).update(
        status=Status.WAITING, error="", error_code="", changed_at=Now(), sent_at=None
    )
    transaction.on_commit(lambda: send(locked.pk), robust=True)
    transfer.refresh_from_db()


def claim(pk: int) -> Import | None:
    """The import, in the caller's hands; None if it is done or in other hands that live."""
    free = Q(status=Status.WAITING) | Q(status=Status.RUNNING, changed_at__lt=Now() - ABANDONED_AFTER)
    taken = Import.objects.filter(free, pk=pk).update(
        status=Status.RUNNING, attempt=F("attempt") + 1, changed_at=Now()
    )
    return Import.objects.select_related("owner", "namespace").get(pk=pk) if taken else None


def is_ours(transfer: Import) -> bool:
    """A sign of life; False if it was cancelled or taken over."""
    mine = Import.objects.filter(pk=transfer.pk, attempt=transfer.attempt, status=Status.RUNNING)
    return bool(mine.update(changed_at=Now()))


def finish(transfer: Import, *, code: str = "", error: str = "") -> None:
    mine = Import.objects.filter(pk=transfer.pk, attempt=transfer.attempt, status=Status.RUNNING)
    status = Status.FAILED if error else Status.FINISHED
    mine.update(status=status, error_code=code, error=error, changed_at=Now())


def send_again() -> int:
    """Send the messages of imports that wait, or whose worker has gone silent; how many. Run every few seconds."""
    due = Q(status=Status.WAITING) | Q(status=Status.RUNNING, changed_at__lt=Now() - ABANDONED_AFTER)
    not_lately = Q(sent_at=None) | Q(sent_at__lt=Now() - SEND_AGAIN_AFTER)
    rows = list(Import.objects.filter(due, not_lately).order_by("pk").values_list("pk", flat=True)[:8])
    return sum(send(pk) for pk in rows)


def send(pk: int) -> bool:
    from hub.transfers.tasks import run_import

    try:
        run_import.apply_async((pk,), retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001  each transport fails with classes of its own
        log.warning("import %s waits, the broker does not answer: %s", pk, error)
        return False
    Import.objects.filter(pk=pk).update(sent_at=Now())
    return True
