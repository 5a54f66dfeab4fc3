"""Import modules from other hubs, and watch it happen. Everybody sees their own imports alone."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hub.accounts.models import User
from hub.accounts.organisations import namespaces_to_publish_in
from hub.registry.models import Module
from hub.transfers import services
from hub.transfers.errors import TransferError
from hub.transfers.forms import ImportForm
from hub.transfers.models import Import, ImportItem

PAGE_SIZE = 20
FIELDS = {
    "bad_source": "source",
    "host_not_allowed": "endpoint",
    "bad_revision": "revision",
    "forbidden": "owner",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """The form, and what was imported before."""
    assert isinstance(request.user, User)
    namespaces = namespaces_to_publish_in(request.user)
    form = ImportForm(request.POST or None, namespaces=namespaces)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            made = services.request_import(
                user=request.user,
                namespace=form.namespace,
                source=form.cleaned_data["source"],
                endpoint=form.cleaned_data["endpoint"],
                revision=form.cleaned_data["revision"],
                private=form.cleaned_data["private"],
            )
            return redirect(made)
        except TransferError as error:
            name = FIELDS.get(error.code)
            form.add_error(name if name in form.fields else None, error.detail)
            status = error.status
    rows = (
        request.user.imports.select_related("namespace")
        .annotate(count=Count("items"))
        .order_by("-created_at", "-pk")
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page}
    return render(
        request, "transfers/imports.html", context, status=status if not form.errors else max(status, 400)
    )


def _own(request: HttpRequest, pk: int) -> Import:
    assert isinstance(request.user, User)
    return get_object_or_404(request.user.imports.select_related("namespace"), pk=pk)


def progress(transfer: Import, user: object) -> dict[str, Any]:
    """What the page shows, and shows again while it runs."""
    rows = list(transfer.items.select_related("revision__module__namespace"))
    seen = set(
        Module.objects.visible_to(user)
        .filter(pk__in=[row.revision.module_id for row in rows if row.revision])
        .values_list("pk", flat=True)
    )
    counts = {status.value: sum(row.status == status for row in rows) for status in ImportItem.Status}
    return {
        "transfer": transfer,
        "items": [
            {
                "row": row,
                "module": row.revision.module if row.revision and row.revision.module_id in seen else None,
            }
            for row in rows
        ],
        "counts": counts,
        "total": len(rows),
        "over": len(rows) - counts["waiting"],
    }


@never_cache
@login_required
@require_safe
def one(request: HttpRequest, pk: int) -> HttpResponse:
    transfer = _own(request, pk)
    template = "transfers/_progress.html" if request.headers.get("HX-Request") else "transfers/import.html"
    return render(request, template, progress(transfer, request.user))


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    transfer = _own(request, pk)
    services.cancel(transfer)
    return redirect(transfer)


@login_required
@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    transfer = _own(request, pk)
    try:
        services.retry(transfer)
    except TransferError as error:
        messages.error(request, error.detail)
    return redirect(transfer)
