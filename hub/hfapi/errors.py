"""Errors as the clients read them: the class from the status and X-Error-Code, the text from X-Error-Message.

The body says the same three times: `error` for the clients, `code` and `detail` as everywhere on this hub.
"""

from collections.abc import Sequence
from urllib.parse import quote

from django.http import HttpRequest, JsonResponse
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt

from hub.registry.services import PublishError, RegistryError

ERROR_CODES = {
    "unknown_module": "RepoNotFound",
    "unknown_revision": "RevisionNotFound",
    "not_a_branch": "RevisionNotFound",
    "unknown_file": "EntryNotFound",
    "gated": "GatedRepo",
}
MAX_HEADER = 500  # characters


class HubError(RegistryError):
    """A request of the protocol that cannot be met. Raised by the views of this app; RegistryErrors pass as they are."""


class NoFile(RegistryError):
    """The commit has no such file. The clients remember that, for they are told the commit."""

    def __init__(self, detail: str, commit: str) -> None:
        super().__init__("unknown_file", detail, status=404)
        self.commit = commit


class Moved(Exception):
    """The repository is called `name` now, or in other capitals than `asked`. Followed by the clients when they read."""

    def __init__(self, asked: str, name: str) -> None:
        super().__init__(f"{asked} is {name} now")
        self.asked = asked
        self.name = name

    def address(self, request: HttpRequest) -> str:
        """Where the same request goes for the present name, on the same host."""
        return iri_to_uri(request.get_full_path()).replace(quote(self.asked), quote(self.name), 1)


def error_response(error: RegistryError) -> JsonResponse:
    detail = error.detail
    if isinstance(error, PublishError) and len(error.problems) > 1:
        detail = " ".join(_sentences([problem.detail for problem in error.problems]))
    response = answer(error.status, error.code, detail)
    if isinstance(error, NoFile):
        response["X-Repo-Commit"] = error.commit
    return response


def answer(status: int, code: str, detail: str) -> JsonResponse:
    response = JsonResponse({"error": detail, "code": code, "detail": detail}, status=status)
    # A header is one line of ASCII.
    response["X-Error-Message"] = detail.encode("ascii", "replace").decode().replace("\n", " ")[:MAX_HEADER]
    if code in ERROR_CODES:
        response["X-Error-Code"] = ERROR_CODES[code]
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


@csrf_exempt  # 404 for a POST too: the clients try, and go on without
def not_found(request: HttpRequest) -> JsonResponse:
    """404 for an address that the protocol does not have here. A body of another shape would break the clients."""
    return answer(404, "not_found", f"There is nothing at {request.path}.")


def _sentences(details: Sequence[str]) -> list[str]:
    return [detail if detail.endswith((".", "!", "?")) else f"{detail}." for detail in details]
