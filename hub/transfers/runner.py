"""One import from claim to end, module by module; where a worker dies, another goes on with the module it was at."""

import logging

from django.db import transaction

from hub.registry.services import PublishError, RegistryError
from hub.transfers import services
from hub.transfers.errors import TransferError
from hub.transfers.fetch import fetch, modules_of
from hub.transfers.models import Import, ImportItem

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """Cancelled, or in another worker's hands."""


def run_import(pk: int) -> None:
    """Import what is still to be imported. Safe to call twice."""
    transfer = services.claim(pk)
    if transfer is None:
        return
    try:
        if not transfer.is_listed:
            _list(transfer)
        for item in transfer.items.filter(status=ImportItem.Status.WAITING):
            item.transfer = transfer
            _one(item)
    except _Stopped:
        return
    except TransferError as error:
        services.finish(transfer, code=error.code, error=error.detail)
    except Exception:
        log.exception("import %s failed", pk)
        sentence = f"Something went wrong on our side. It is in the hub's log as import {pk}."
        services.finish(transfer, code="internal_error", error=sentence)
    else:
        services.finish(transfer)


def _list(transfer: Import) -> None:
    """The account's models as items, all or none."""
    account = transfer.source.partition("/")[0]
    names = []
    for name in modules_of(transfer.endpoint, account):
        names.append(name)
        if len(names) % 100 == 0:
            _alive(transfer)
    if not names:
        raise TransferError("not_found", f"There is no public model of {account}.")
    with transaction.atomic():
        _alive(transfer)
        ImportItem.objects.bulk_create(
            [ImportItem(transfer=transfer, source=name) for name in dict.fromkeys(names)],
            ignore_conflicts=True,
        )
        Import.objects.filter(pk=transfer.pk).update(is_listed=True)


def _one(item: ImportItem) -> None:
    transfer = item.transfer
    _alive(transfer)
    try:
        revision, commit, new = fetch(
            item,
            user=transfer.owner,
            namespace=transfer.namespace,
            private=transfer.private,
            pulse=lambda: _alive(transfer),
        )
    except TransferError as error:
        status = ImportItem.Status.SKIPPED if error.skip else ImportItem.Status.FAILED
        _end(item, status, error_code=error.code, error=error.detail)
    except (PublishError, RegistryError) as error:
        _end(item, ImportItem.Status.FAILED, error_code=error.code, error=error.detail)
    else:
        status = ImportItem.Status.DONE if new else ImportItem.Status.SAME
        _end(item, status, revision=revision, commit=commit)


def _end(item: ImportItem, status: str, **values: object) -> None:
    ImportItem.objects.filter(pk=item.pk, status=ImportItem.Status.WAITING).update(status=status, **values)


def _alive(transfer: Import) -> None:
    if not services.is_ours(transfer):
        raise _Stopped
