"""Download counts, by a rule that is shown beside the number.

One download: somebody other than the module's owner fetched its weights file from the first byte on. Head requests,
continued downloads and other files do not count, and nobody counts twice for a module on one day.
"""

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from composer.file_names import WEIGHTS
from hub.accounts.policy import role_in
from hub.registry.models import DownloadVisit, File, Module

RULE = (
    "one per person and day who fetched the weights: the owner's own downloads, head requests and continued "
    "downloads are not counted."
)


def count_download(file: File, *, user: Any, address: str) -> bool:
    """Count a download that begins now, if the rule says so. address: of the visitor, kept only as a daily keyed hash."""
    module = file.revision.module
    if file.path != WEIGHTS or role_in(module.namespace, user):
        return False
    day = timezone.now().date()
    who = f"user {user.pk}" if user.is_authenticated else f"address {address}"
    visitor = hmac.new(settings.SECRET_KEY.encode(), f"{day} {who}".encode(), hashlib.sha256).hexdigest()[:32]
    try:
        with transaction.atomic():
            DownloadVisit.objects.create(module=module, day=day, visitor=visitor)
    except IntegrityError:
        return False
    Module.objects.filter(pk=module.pk).update(downloads=F("downloads") + 1)
    return True
