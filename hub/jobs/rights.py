"""What a job's owner may still do when it runs: between submission and run, and run and end, things change. Torch-free."""

from collections.abc import Iterable

from hub.accounts.models import Namespace, User
from hub.jobs.models import Job
from hub.registry.models import Revision
from hub.registry.services import RegistryError

UNAVAILABLE = "module_unavailable"


def require_usable(owner: User, revisions: Iterable[Revision]) -> None:
    """Raise RegistryError module_unavailable, naming the first module that the owner may no longer compose, and why."""
    for revision in revisions:
        if reason := _why_not(owner, revision):
            sentence = (
                f"The module {revision.module.full_name} cannot be used any more: {reason}. Leave it out."
            )
            raise RegistryError(UNAVAILABLE, sentence, status=409)


def _why_not(owner: User, revision: Revision) -> str:
    module = revision.module
    if not owner.is_active:
        return "the account that asked for the job is closed"
    if module.deleted_at is not None:
        return "it was deleted"
    if not module.can_download(owner):
        return "its owner made it private" if module.is_private else "it is gated now, and you have no access"
    if revision.yanked_at is not None:
        return f"it was yanked ({revision.yanked_reason})"
    if module.base_model_id is None or not revision.composable:
        return "it can no longer be composed"
    return ""


def namespace_to_publish_in(job: Job) -> Namespace:
    """The one that was asked for, or the owner's own if they may not publish there any more: hours of work are not lost."""
    wanted = Namespace.objects.get(pk=job.namespace_id)
    may = wanted.deleted_at is None and wanted.can_write(job.owner)
    return wanted if may else job.owner.namespace
