"""GET from another hub and from nowhere else: hosts that the settings allow, at an address looked up once and checked.

An entry of HUB_IMPORT_HOSTS is a host, asked by https at public addresses alone, or a whole origin (http://10.0.0.5:8000),
which whoever runs this hub trusts wherever it is.
"""

import ipaddress
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from django.conf import settings

from hub.transfers.errors import TransferError

MAX_JSON = 30_000_000  # bytes
MAX_REDIRECTS = 5
TIMEOUT = urllib3.Timeout(connect=10, read=60)
CHUNK = 1_000_000
AGENT = {"User-Agent": "lora-hub", "Accept-Encoding": "identity"}


def endpoint_of(text: str) -> str:
    """The origin that somebody means by `huggingface.co` or its address. Raises TransferError host_not_allowed."""
    wanted = text.strip().rstrip("/") or "https://huggingface.co"
    wanted = wanted if "://" in wanted else f"https://{wanted}"
    for entry in settings.HUB_IMPORT_HOSTS:
        if wanted.lower() == (entry if "://" in entry else f"https://{entry}").rstrip("/").lower():
            return wanted
    known = ", ".join(settings.HUB_IMPORT_HOSTS) or "none"
    raise TransferError("host_not_allowed", f"This hub imports from these hosts alone: {known}.")


def get_json(url: str) -> tuple[Any, str]:
    """The parsed answer, and the address of the next page ("" after the last). Both stay on the endpoint's host."""
    with _get(url, stay=True) as response:
        data = response.read(MAX_JSON + 1)
        link = response.headers.get("Link", "")
    try:
        body = json.loads(data) if len(data) <= MAX_JSON else None
    except (ValueError, RecursionError):
        body = None
    if body is None:
        raise TransferError("bad_answer", f"{urlsplit(url).netloc} did not answer with readable JSON.")
    follow = link.split(">")[0].strip().lstrip("<") if 'rel="next"' in link else ""
    if follow and urlsplit(follow)[:2] != urlsplit(url)[:2]:
        raise TransferError("bad_answer", "The list leads to another host.")
    return body, follow


def download(url: str, target: Path, *, most: int, pulse: Callable[[], None]) -> None:
    """The bytes, at most so many, in the file. Downloads may lead elsewhere, by https to public addresses."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with _get(url, stay=False) as response, target.open("wb") as out:
        while chunk := response.read(CHUNK):
            written += len(chunk)
            if written > most:
                raise TransferError("too_large", f"{target.name} is larger than it was said to be.")
            out.write(chunk)
            pulse()


@contextmanager
def _get(url: str, *, stay: bool) -> Iterator[urllib3.BaseHTTPResponse]:
    for _ in range(MAX_REDIRECTS + 1):
        response = _ask(url)
        where = response.headers.get("Location", "")
        if response.status in (301, 302, 303, 307, 308) and where:
            response.release_conn()
            following = urljoin(url, where)
            if stay and urlsplit(following)[:2] != urlsplit(url)[:2]:
                raise TransferError("bad_answer", f"{urlsplit(url).netloc} leads to another host.")
            url = following
            continue
        try:
            _require_ok(response.status, url)
            yield response
        except urllib3.exceptions.HTTPError as error:
            raise _unreachable(url) from error
        finally:
            response.close()
        return
    raise TransferError("bad_answer", f"{urlsplit(url).netloc} leads in circles.")


def _ask(url: str) -> urllib3.BaseHTTPResponse:
    """One request, to the very address that was checked."""
    parts = urlsplit(url)
    trusted = any("://" in entry and _origin(entry) == _origin(url) for entry in settings.HUB_IMPORT_HOSTS)
    if not parts.hostname or (parts.scheme != "https" and not trusted):
        raise TransferError("host_not_allowed", f"{parts.netloc or url} is not asked by this hub.")
    address = _address(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), trusted)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            parts.port or 443,
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
            cert_reqs="CERT_REQUIRED",
            ca_certs=certifi.where(),
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, parts.port or 80)
    headers = AGENT | {"Host": parts.netloc.rpartition("@")[2]}
    try:
        return pool.request(
            "GET", path, headers=headers, redirect=False, preload_content=False, timeout=TIMEOUT, retries=2
        )
    except urllib3.exceptions.HTTPError as error:
        raise _unreachable(url) from error


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _address(host: str, port: int, trusted: bool) -> str:
    """The first address of the host. Raises TransferError unless all of them are public, or the origin is trusted."""
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise TransferError("unreachable", f"The host {host} was not found.") from error
    if not trusted and not all(ipaddress.ip_address(text.split("%")[0]).is_global for text in found):
        raise TransferError("host_not_allowed", f"{host} is not at a public address.")
    return found[0]


def _require_ok(status: int, url: str) -> None:
    host = urlsplit(url).netloc
    if status in (401, 403):
        raise TransferError("not_public", f"{host} keeps it private or gated.")
    if status == 404:
        raise TransferError("not_found", f"{host} has nothing of this name, or keeps it private.")
    if status == 429:
        raise TransferError("rate_limited", f"{host} asks to come back later.")
    if status != 200:
        raise TransferError("bad_answer", f"{host} answered with the status {status}.")


def _unreachable(url: str) -> TransferError:
    return TransferError("unreachable", f"{urlsplit(url).netloc} does not answer.")
