"""Pages whose addresses the clients print: they lead to the module's page."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe


@require_safe
def at_revision(request: HttpRequest, owner: str, name: str, rev: str, path: str = "") -> HttpResponse:
    """/tree/{rev}, /commit/{sha}, /blob/{rev}/{path}."""
    query = "" if rev == "main" else f"?revision={quote(rev, safe='')}"
    return redirect(f"/{quote(owner)}/{quote(name)}{query}")
