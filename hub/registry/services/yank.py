"""Yanked revisions: still there for whoever names them, with the reason, but nothing new is made from them (as in PyPI)."""

from django.db import transaction
from django.utils import timezone

from hub.accounts.models import User
from hub.registry.models import Revision
from hub.registry.services.errors import PublishError
from hub.registry.services.log import note
from hub.registry.services.modules import require_write


@transaction.atomic
def yank_revision(*, user: User, revision: Revision, reason: str) -> None:
    """Say that a revision is to be used no more. It is not composed any more; clients that fetch it are told the reason.

    Raises PublishError bad_reason.
    """
    require_write(user, revision.module)
    reason = " ".join(reason.split())
    if not reason or len(reason) > 200 or not reason.isprintable():
        raise PublishError(
            "bad_reason", "Give a reason of 1 to 200 characters: what is wrong with it?", "reason"
        )
    revision.yanked_at, revision.yanked_reason = timezone.now(), reason
    revision.save(update_fields=["yanked_at", "yanked_reason"])
    note("revision.yank", revision.module, user, number=revision.number, reason=reason)


@transaction.atomic
def unyank_revision(*, user: User, revision: Revision) -> None:
    require_write(user, revision.module)
    if revision.yanked_at is None:
        return
    revision.yanked_at, revision.yanked_reason = None, ""
    revision.save(update_fields=["yanked_at", "yanked_reason"])
    note("revision.unyank", revision.module, user, number=revision.number)


def yank_warning(revision: Revision) -> str:
    """For the header X-HF-Warning, which Hugging Face clients log: `topic; text`, in ASCII."""
    name = f"{revision.module.full_name}@{revision.short}"
    text = f"{name} was yanked by its author: {revision.yanked_reason}"
    return f"yanked-{revision.short}; {text.encode('ascii', 'replace').decode()}"
