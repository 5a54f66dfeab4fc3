"""Requests that schemathesis makes up from the schema, in this process, on the real database, in every role.

No answer is a fault of ours (5xx), and every answer is one that the schema tells of, status and body.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as specified

from hub.accounts import organisations, services
from hub.accounts.models import Membership, Role
from hub.hfapi import rates
from hub.wsgi import application
from tests.hub.registry.conftest import adapter, base_model, module, publish  # noqa: F401 (fixtures)

EXAMPLES = 3  # requests for one operation in one role
ROLES = ("visitor", "reading token", "writing token", "session", "member", "stranger")


class _Undo(Exception):
    """Ends a transaction, so that no request sees what another one did."""


@pytest.fixture
def caller(request: pytest.FixtureRequest, alice: Any, bob: Any, charlie: Any) -> dict[str, Any]:
    """What a request in this role carries."""
    role: str = request.param
    if role == "visitor":
        return {}
    if role == "session":
        client = Client()
        client.force_login(alice)
        key = "k" * 32  # of a form's protection, which a browser gets as a cookie and sends back
        cookies = {"sessionid": client.cookies["sessionid"].value, "csrftoken": key}
        return {"cookies": cookies, "headers": {"X-CSRFToken": key}}
    user = {"member": bob, "stranger": charlie}.get(role, alice)
    scope = "read" if role == "reading token" else "write"
    _, plaintext = services.create_token(user=user, name="fuzz", scope=scope)
    return {"headers": {"Authorization": f"Bearer {plaintext}"}}


@pytest.fixture
def hub(alice: Any, bob: Any, module: Any, publish: Any, monkeypatch: Any, settings: Any) -> Any:  # noqa: F811
    """An organisation, modules in it, and a job's worth of nothing: enough for most addresses to find something."""
    settings.API_REQUESTS = 10_000_000
    monkeypatch.setattr(rates, "_windows", {})
    words = organisations.create_organisation(user=alice, name="words", title="Words")
    Membership.objects.create(namespace=words, user=bob, role=Role.WRITER)
    publish(alice, "secret", private=True)
    return module


@pytest.fixture(autouse=True)
def _one_connection(db: None) -> Iterator[None]:
    """As Django's own test client: the end of a request does not close the connection that holds the test's transaction."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


KNOWN = {"owner": "alice", "name": "opposites", "username": "bob", "commit": "main", "kind": "gguf"}


CHECKS = [
    checks.not_a_server_error,
    specified.status_code_conformance,
    specified.content_type_conformance,
    specified.response_schema_conformance,
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("caller", ROLES, indirect=True)
def test_no_request_breaks_the_hub_or_the_schemas_word(hub: Any, caller: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", _hub)
    broken: list[str] = []
    met: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/schema/"):
            continue
        for mode in GenerationMode:
            try:
                _ask(operation, mode, caller, met)
            except Unsatisfiable:
                continue  # nothing can be wrong with it
            except (
                BaseExceptionGroup,
                AssertionError,
            ) as error:  # every operation is asked, then all is told
                broken.append(f"{operation.method.upper()} {operation.path}: {error}")
    assert not broken, "\n\n".join(broken)
    assert met[200] > 10, met
    assert met[404] > 10, met


def _hub(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The whole answer, and its end, which closes what was uploaded."""
    answer = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
        environ["wsgi.input"].close()


def _ask(operation: Any, mode: GenerationMode, caller: dict[str, Any], met: Counter[int]) -> None:
    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if sum(met.values()) % 2:  # half of them to what is there
            for name in case.path_parameters or {}:
                case.path_parameters[name] = _known(case.operation.path, name)
        try:
            with transaction.atomic():
                met[case.call_and_validate(checks=CHECKS, **caller).status_code] += 1
                raise _Undo
        except _Undo:
            pass

    ask()


def _known(path: str, name: str) -> Any:
    if name == "name" and "/organisations/" in path:
        return "words"
    return KNOWN.get(name, 1)
