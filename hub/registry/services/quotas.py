"""How much of the hub one user or organisation takes: bytes of the files kept, each file once, and modules."""

import shutil
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Sum

from hub.accounts.models import Namespace
from hub.registry.models import Blob, Module
from hub.registry.services.errors import PublishError


@dataclass(frozen=True, slots=True)
class Usage:
    """bytes: of all revisions of all modules, deleted ones that are still kept included."""

    namespace: Namespace
    bytes: int
    modules: int
    most_bytes: int
    most_modules: int

    @property
    def bytes_share(self) -> float:
        """0 to 100."""
        return round(min(100.0, 100 * self.bytes / self.most_bytes), 1) if self.most_bytes else 100.0

    @property
    def modules_share(self) -> float:
        """0 to 100."""
        return round(min(100.0, 100 * self.modules / self.most_modules), 1) if self.most_modules else 100.0


def usage_of(namespace: Namespace) -> Usage:
    kept = Blob.objects.filter(files__revision__module__namespace=namespace).values("pk").distinct()
    total = Blob.objects.filter(pk__in=kept).aggregate(total=Sum("size"))["total"] or 0
    quota = Namespace.objects.values("quota_bytes", "quota_modules").get(pk=namespace.pk)
    return Usage(
        namespace=namespace,
        bytes=total,
        modules=Module.objects.filter(namespace=namespace, deleted_at=None).count(),
        most_bytes=settings.HUB_QUOTA_BYTES if quota["quota_bytes"] is None else quota["quota_bytes"],
        most_modules=settings.HUB_QUOTA_MODULES if quota["quota_modules"] is None else quota["quota_modules"],
    )


def require_quota(namespace: Namespace, size: int = 0, *, modules: int = 0) -> None:
    """Raise PublishError quota_exceeded (403) if `size` more bytes, or so many more modules, are too much."""
    usage = usage_of(namespace)
    if usage.modules + modules > usage.most_modules:
        detail = f"{namespace.name} has {usage.modules} modules; its quota is {usage.most_modules}. Delete one first."
        raise PublishError("quota_exceeded", detail, "name", status=403)
    if usage.bytes + size > usage.most_bytes:
        detail = (
            f"{namespace.name} keeps {usage.bytes / 1e6:,.1f} MB; with these files it would be over its quota of "
            f"{usage.most_bytes / 1e6:,.0f} MB. Delete something, or ask the hub’s administrator for more."
        )
        raise PublishError("quota_exceeded", detail, "files", status=403)


def lock_namespace(namespace: Namespace) -> None:
    """Uploads at once count each other. Raises PublishError forbidden for an organisation that was deleted meanwhile."""
    locked = Namespace.objects.select_for_update(no_key=True).get(pk=namespace.pk)
    if locked.deleted_at is not None:
        raise PublishError("forbidden", f"{locked.name} is deleted.", "namespace", status=403)


def require_disk() -> None:
    """Raise PublishError storage_full (507) if the disk that uploads pass through is nearly full."""
    if shutil.disk_usage(settings.HUB_DATA).free < settings.HUB_DISK_FLOOR:
        detail = "The hub's disk is full; nothing was stored. Its administrator has to make room."
        raise PublishError("storage_full", detail, "files", status=507)
