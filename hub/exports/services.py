"""Ask for an export, find it, and throw away what nobody has used for long. Torch-free."""

import logging
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Now

from hub.accounts.models import User
from hub.exports.models import Export
from hub.registry.models import Revision

KEPT_FOR = timedelta(days=7)  # after the last download
KEPT_BYTES = 20 * 2**30  # of all exports together; the least recently used go first
ABANDONED_AFTER = timedelta(minutes=15)  # a worker that has not finished by then is thought dead
MAX_UNFINISHED = 5  # of one person

log = logging.getLogger(__name__)


class ExportRefused(Exception):
    """The text is for the person who asked."""


def why_not(revision: Revision) -> str:
    """Why a revision cannot be exported, or nothing."""
    if not revision.composable:
        return f"It cannot be exported: {revision.not_composable_reason or 'its kind is not supported'}."
    if revision.module.base_model is None:
        return "It cannot be exported: its base model is not on this hub."
    return ""


@transaction.atomic
def request_export(*, user: User, revision: Revision, kind: str) -> Export:
    """The export of this revision and format, made now unless it exists or is being made. Raises ExportRefused."""
    if kind not in Export.Format.values:
        raise ExportRefused(f"There is no format {kind!r}; there are {', '.join(Export.Format.values)}.")
    if reason := why_not(revision):
        raise ExportRefused(reason)
    User.objects.select_for_update().get(pk=user.pk)  # two requests at once count each other
    unfinished = Export.objects.filter(requested_by=user, status__in=Export.UNFINISHED)
    if unfinished.exclude(revision=revision, format=kind).count() >= MAX_UNFINISHED:
        raise ExportRefused(f"{MAX_UNFINISHED} exports of yours are being made; wait for one of them.")
    export, created = Export.objects.get_or_create(
        revision=revision, format=kind, defaults={"requested_by": user}
    )
    stale = Q(status=Export.Status.FAILED) | Q(
        status__in=Export.UNFINISHED, changed_at__lt=Now() - ABANDONED_AFTER
    )
    if created or Export.objects.filter(stale, pk=export.pk).update(
        status=Export.Status.WAITING, error="", requested_by=user, changed_at=Now()
    ):
        transaction.on_commit(lambda: _send(export.pk), robust=True)
    export.refresh_from_db()
    return export


def claim(export_id: int) -> Export | None:
    """The export, now being made by the caller; None if it is done or in other hands."""
    claimed = Export.objects.filter(pk=export_id, status=Export.Status.WAITING).update(
        status=Export.Status.RUNNING, attempt=F("attempt") + 1, changed_at=Now()
    )
    return (
        Export.objects.select_related("revision__module__base_model").get(pk=export_id) if claimed else None
    )


def finish(export: Export, *, stored_as: str = "", size: int = 0, error: str = "") -> bool:
    """Write how it ended; False if another worker has taken it over, and then the caller's file is nobody's."""
    mine = Export.objects.filter(pk=export.pk, attempt=export.attempt, status=Export.Status.RUNNING)
    status = Export.Status.FAILED if error else Export.Status.READY
    return bool(
        mine.update(
            status=status, stored_as=stored_as, size=size, error=error, changed_at=Now(), used_at=Now()
        )
    )


def clean_up() -> int:
    """Remove exports that nobody used for KEPT_FOR, and then the least recently used beyond KEPT_BYTES; how many."""
    ready = Export.objects.filter(status=Export.Status.READY)
    old = list(ready.filter(used_at__lt=Now() - KEPT_FOR))
    kept = ready.exclude(pk__in=[export.pk for export in old])
    total = kept.aggregate(total=Sum("size"))["total"] or 0
    for export in kept.order_by("used_at"):
        if total <= KEPT_BYTES:
            break
        old.append(export)
        total -= export.size
    for export in old:
        export.delete()  # the row first: nobody is offered a file that is gone
        default_storage.delete(export.stored_as)
    return len(old)


def _send(export_id: int) -> None:
    from hub.exports.tasks import make_export

    try:
        make_export.apply_async((export_id,), retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001  each transport fails with classes of its own
        log.warning("export %s waits to be asked for again, the broker does not answer: %s", export_id, error)
