"""The exports of a module: ask for one, watch it being made, download it. A stranger's private module answers 404."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.models import User
from hub.exports.models import Export
from hub.exports.services import ExportRefused, request_export, why_not
from hub.registry.models import Revision
from hub.registry.services import RegistryError, find_module, find_revision, require_download


def _revision(request: HttpRequest, owner: str, name: str, commit: str) -> Revision:
    """404 for what the visitor does not see, 403 for the weights of a gated module."""
    try:
        revision = find_revision(find_module(f"{owner}/{name}", request.user), commit)
        require_download(request.user, revision.module)
    except RegistryError as error:
        if error.status == 403:
            raise PermissionDenied(error.detail) from error
        raise Http404(error.detail) from error
    return revision


def export_context(revision: Revision) -> dict[str, Any]:
    """What templates/exports/_exports.html shows."""
    made = {export.format: export for export in revision.exports.select_related("revision__module")}
    rows = [
        {"kind": kind.value, "label": kind.label, "export": made.get(kind.value)} for kind in Export.Format
    ]
    return {
        "revision": revision,
        "module": revision.module,
        "exports": rows,
        "export_problem": why_not(revision),
        "exports_running": any(not export.is_finished for export in made.values()),
    }


@never_cache
@require_safe
def exports(request: HttpRequest, owner: str, name: str, commit: str) -> HttpResponse:
    """The part of the module's page, alone, while something is being made."""
    revision = _revision(request, owner, name, commit)
    return render(request, "exports/_exports.html", export_context(revision))


@login_required
@require_POST
def start(request: HttpRequest, owner: str, name: str, commit: str) -> HttpResponse:
    assert isinstance(request.user, User)
    revision = _revision(request, owner, name, commit)
    try:
        request_export(user=request.user, revision=revision, kind=request.POST.get("format", ""))
    except ExportRefused as error:
        messages.error(request, str(error))
    return redirect(f"{revision.module.get_absolute_url()}?revision={revision.commit}#exports")


@require_safe
def download(request: HttpRequest, owner: str, name: str, commit: str, kind: str) -> HttpResponseBase:
    revision = _revision(request, owner, name, commit)
    export = get_object_or_404(revision.exports, format=kind, status=Export.Status.READY)
    try:
        stream = default_storage.open(export.stored_as, "rb")
    except FileNotFoundError as error:  # cleaned up by hand: let it be made again
        export.delete()
        raise Http404("This export is no longer stored; ask for it again.") from error
    Export.objects.filter(pk=export.pk).update(used_at=Now())
    response = FileResponse(
        stream, as_attachment=True, filename=export.file_name, content_type="application/octet-stream"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-cache"
    return response
