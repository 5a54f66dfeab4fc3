"""A private module is, for whoever may not see it, not there: on every route, by every method, as if it had never been made.

The routes come from the URLconf itself, so a new one is held to this too.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.hub.registry.conftest import adapter, base_model, private_module, publish  # noqa: F401 (fixtures)

VALUES = {"revision": "main", "path": "README.md", "username": "alice", "commit": "main", "kind": "gguf"}
VALUES |= {"rev": "main", "rest": "main", "branch": "next", "status": "pending"}


def routes(found: Any, prefix: str = "") -> Iterator[str]:
    """Every address with an owner and a name, as `{owner}/{name}/…`."""
    for pattern in found:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            named = re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", r"{\1\2}", route)
            if "{owner}" in named and "{name}" in named:
                yield re.sub(r"[\^$\\]", "", named)


ROUTES = sorted(set(routes(get_resolver().url_patterns)))


def test_there_are_routes_to_check() -> None:
    assert "{owner}/{name}" in ROUTES
    assert "api/v1/modules/{owner}/{name}/" in ROUTES
    assert {"api/{kind}/{owner}/{name}", "{owner}/{name}.git/info/lfs/verify"} <= set(ROUTES)
    assert len(ROUTES) > 15


def test_a_private_module_is_not_there(private_module, charlie_client, client):  # noqa: F811
    for route in ROUTES:
        methods = ("get", "post", "put", "patch", "delete") if route.startswith("api/") else ("get", "post")
        for who in (client, charlie_client):
            for method in methods:
                secret, nothing = (_answer(who, method, route, name) for name in ("secret", "absent"))
                assert secret == nothing, (method, route)
                assert secret[0] in (302, 401, 403, 404, 405), (method, route, secret)


def _answer(who: Client, method: str, route: str, name: str) -> tuple[int, str, str]:
    """Status, where it leads, and the text, without the module's name."""
    values = VALUES | ({"kind": "models"} if route.startswith("api/{kind}") else {})
    response = getattr(who, method)("/" + route.format(owner="alice", name=name, **values))
    body = b"" if response.streaming else response.content
    text = re.sub(r'hx-headers="[^"]*"|value="\w{64}"|x-csrftoken[^>]*', "", body.decode())
    return (
        response.status_code,
        response.headers.get("Location", "").replace(name, ""),
        text.replace(name, ""),
    )
