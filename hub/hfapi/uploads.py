"""Bytes that were sent before the commit that names them: kept as blobs, and for whom."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from hub.accounts import policy
from hub.accounts.models import User
from hub.hfapi.bodies import Received
from hub.hfapi.errors import HubError
from hub.hfapi.models import Upload
from hub.registry.models import Blob, Module

KEPT = timedelta(days=1)  # without a commit; the garbage collection keeps their bytes as long


def keep(user: User, received: Received, sha256: str) -> Blob:
    """Store the bytes for a commit of this user. Raises HubError wrong_sha256, and stores nothing, if they are others."""
    if received.sha256 != sha256:
        raise HubError(
            "wrong_sha256",
            f"The bytes sent have the sha256 {received.sha256}, not {sha256}. Send them again.",
        )
    blob = received.keep()
    Upload.objects.update_or_create(user=user, blob=blob, defaults={"created_at": timezone.now()})
    return blob


def find(user: User, module: Module, sha256: str) -> Blob | None:
    """Bytes that this user has sent, or could read in any module: a private file of others is none of them."""
    blob = Blob.objects.filter(sha256=sha256).first()
    if blob is None:
        return None
    if Upload.objects.filter(user=user, blob=blob).exists():
        return blob
    mine = Module.objects.filter(policy.own(user), deleted_at=None)
    for rows in (mine, Module.objects.downloadable_by(user)):
        if rows.filter(revisions__files__blob=blob).exists():
            return blob
    return None


def require_size(size: int) -> None:
    """Raises HubError too_large (413)."""
    if size > settings.HUB_UPLOAD_LIMIT:
        limit = settings.HUB_UPLOAD_LIMIT // 1_000_000
        raise HubError(
            "too_large", f"The file is larger than {limit} MB, the most this hub takes.", status=413
        )


def forget_old() -> None:
    """Uploads that no commit has named for long; what nobody refers to then is for the garbage collection."""
    Upload.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
