"""A program that speaks the protocol, without a client's help: so that each request can be wrong in one way."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from hub.accounts import services
from tests.hub.registry.conftest import (  # noqa: F401
    adapter,
    base_model,
    module,
    private_module,
    publish,
    publish_other,
)


class Program:
    """Requests with a user's token."""

    def __init__(self, user: Any, scope: str = "write") -> None:
        self.client = Client()
        headers = {}
        if user is not None:
            _, token = services.create_token(user=user, name="program", scope=scope)
            headers["Authorization"] = f"Bearer {token}"
        self.headers = headers

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=self.headers | headers)

    def head(self, path: str, **headers: str) -> Any:
        return self.client.head(path, headers=self.headers | headers)

    def post(self, path: str, body: Any) -> Any:
        return self.client.post(path, json.dumps(body), content_type="application/json", headers=self.headers)

    def send(self, method: str, path: str, body: bytes, kind: str = "application/octet-stream") -> Any:
        return self.client.generic(method, path, body, content_type=kind, headers=self.headers)

    def create(self, name: str = "pushed") -> Any:
        return self.post("/api/repos/create", {"name": name})

    def commit(
        self, repo: str, *lines: tuple[str, dict[str, Any]], branch: str = "main", **header: str
    ) -> Any:
        rows = [("header", {"summary": "A commit", "description": "", **header}), *lines]
        body = b"\n".join(json.dumps({"key": key, "value": value}).encode() for key, value in rows)
        return self.send("POST", f"/api/models/{repo}/commit/{branch}", body, "application/x-ndjson")

    def batch(self, repo: str, data: bytes, transfers: tuple[str, ...] = ("basic", "multipart")) -> Any:
        oid = hashlib.sha256(data).hexdigest()
        body = {"operation": "upload", "transfers": transfers, "objects": [{"oid": oid, "size": len(data)}]}
        return self.post(f"/{repo}.git/info/lfs/objects/batch", body)


def file(path: str, data: bytes) -> tuple[str, dict[str, Any]]:
    return "file", {"path": path, "encoding": "base64", "content": base64.b64encode(data).decode()}


def adapter_lines(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return [file(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def refused(answer: HttpResponse, status: int, code: str) -> None:
    assert (answer.status_code, json.loads(answer.content)["code"]) == (status, code), answer.content
    assert answer["X-Error-Message"]


@pytest.fixture
def program(alice: Any) -> Program:
    return Program(alice)


@pytest.fixture
def stranger(charlie: Any) -> Program:
    return Program(charlie)


@pytest.fixture
def visitor(db: None) -> Program:
    return Program(None)
