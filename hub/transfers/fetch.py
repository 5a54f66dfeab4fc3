"""One module of another hub: what it is, its files, and its revision here."""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from composer.errors import AdapterError
from composer.file_names import CONFIG, WEIGHTS, check_file_name
from hub.accounts.models import Namespace, User
from hub.registry.models import Module, Revision
from hub.registry.services import ModuleMetadata, publish_revision
from hub.transfers.errors import TransferError
from hub.transfers.models import ImportItem
from hub.transfers.wire import download, get_json

REPO_RE = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9][\w.\-]{0,95}", re.ASCII)
MOST_MODULES = 2000  # of one account
MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A module over there. files: path -> bytes, those that a module may have here."""

    commit: str
    files: dict[str, int]


def modules_of(endpoint: str, account: str) -> Iterator[str]:
    """The ids `account/name` of an account's models, page by page."""
    url = f"{endpoint}/api/models?author={quote(account, safe='')}&limit=100"
    count = 0
    while url:
        rows, url = get_json(url)
        for row in rows if isinstance(rows, list) else []:
            repo = row.get("id") if isinstance(row, dict) else None
            if (
                isinstance(repo, str)
                and REPO_RE.fullmatch(repo)
                and repo.lower().startswith(f"{account.lower()}/")
            ):
                yield repo
                count += 1
        if count >= MOST_MODULES:
            raise TransferError("too_many", f"{account} has more than {MOST_MODULES:,} models.")


def look(endpoint: str, repo: str, revision: str = "") -> Found:
    """Raises TransferError; with `skip` where there is no adapter to take."""
    rev = f"/revision/{quote(revision, safe='')}" if revision else ""
    info, _ = get_json(f"{endpoint}/api/models/{quote(repo)}{rev}?blobs=true")
    commit = info.get("sha") if isinstance(info, dict) else None
    rows = info.get("siblings") if isinstance(info, dict) else None
    if (
        not isinstance(commit, str)
        or not re.fullmatch(r"[0-9a-f]{40,64}", commit)
        or not isinstance(rows, list)
    ):
        raise TransferError("bad_answer", f"{urlsplit(endpoint).netloc} says too little about {repo}.")
    files = _files(rows)
    names = {row.get("rfilename") for row in rows if isinstance(row, dict)}
    if CONFIG not in files:
        raise TransferError("no_adapter", "It is no PEFT adapter.", skip=True)
    if WEIGHTS not in files:
        why = (
            "Its weights are a pickle, which can run code."
            if "adapter_model.bin" in names
            else "It has no weights."
        )
        raise TransferError("no_safetensors", why, skip=True)
    if sum(files.values()) > settings.HUB_UPLOAD_LIMIT:
        raise TransferError("too_large", f"It is larger than {settings.HUB_UPLOAD_LIMIT // 1_000_000} MB.")
    return Found(commit, files)


def _files(rows: list[Any]) -> dict[str, int]:
    files = {}
    for row in rows[:MOST_FILES]:
        path, size = (row.get("rfilename"), row.get("size")) if isinstance(row, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(size, int) or size < 0:
            continue
        try:
            check_file_name(path)
        except AdapterError:
            continue  # optimizer states, pickles, whole models: not part of a module here
        files[path] = size
    return files


def fetch(
    item: ImportItem, *, user: User, namespace: Namespace, private: bool, pulse: Callable[[], None]
) -> tuple[Revision, str, bool]:
    """(revision, commit over there, whether it is new). Raises TransferError, PublishError."""
    transfer = item.transfer
    found = look(transfer.endpoint, item.source, transfer.revision)
    name = item.source.partition("/")[2]
    module = Module.objects.filter(namespace=namespace, name__iexact=name, deleted_at=None).first()
    if module is not None:
        earlier = _earlier(transfer.endpoint, item.source, module)
        if earlier is None:
            raise TransferError(
                "name_taken",
                f"{module.full_name} is here already, and was not imported from there.",
                status=409,
            )
        if earlier.commit == found.commit and earlier.revision is not None:
            return earlier.revision, found.commit, False
    with tempfile.TemporaryDirectory(prefix="import-", dir=settings.FILE_UPLOAD_TEMP_DIR) as place:
        files = {}
        for path, size in found.files.items():
            files[path] = Path(place) / path
            address = f"{transfer.endpoint}/{quote(item.source)}/resolve/{found.commit}/{quote(path)}"
            download(address, files[path], most=size, pulse=pulse)
        host = urlsplit(transfer.endpoint).netloc
        revision = publish_revision(
            user=user,
            namespace=namespace,
            name=module.name if module else name,
            files=files,
            metadata=ModuleMetadata(),
            message=f"Imported from {host}: {item.source} at {found.commit[:8]}"[:200],
            private=private,
            create=module is None,
        )
    return revision, found.commit, True


def _earlier(endpoint: str, source: str, module: Module) -> ImportItem | None:
    """The newest import of the same module over there into this one."""
    rows = ImportItem.objects.filter(
        transfer__endpoint=endpoint, source__iexact=source, revision__module=module, status="done"
    )
    return rows.select_related("revision__module__namespace").order_by("-pk").first()
