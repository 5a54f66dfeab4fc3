"""Rename a module, take a deletion back, yank a revision."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from hub.accounts.models import Namespace, User
from hub.registry.services import (
    RegistryError,
    find_revision,
    move_module,
    restore_module,
    unyank_revision,
    yank_revision,
)
from hub.registry.views.access import managed_module
from hub.registry.views.module import visible_module


@require_POST
@login_required
def move(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    module = managed_module(request, owner, name)
    assert isinstance(request.user, User)
    wanted = request.POST.get("owner", "") or module.namespace.name
    namespace = None if "\0" in wanted else Namespace.objects.filter(name__iexact=wanted).first()
    try:
        if namespace is None:
            raise RegistryError("unknown_namespace", "There is no such owner.", status=404)
        moved = move_module(
            user=request.user, module=module, namespace=namespace, name=request.POST.get("name", "").strip()
        )
    except RegistryError as error:
        messages.error(request, f"Nothing was renamed. {error.detail}")
        return redirect("module-edit", owner=module.namespace.name, name=module.name)
    messages.success(request, f"{module.full_name} is now {moved.full_name}; the old address leads here.")
    return redirect(moved)


@require_POST
@login_required
def restore(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    assert isinstance(request.user, User)
    namespace = get_object_or_404(Namespace, name__iexact=owner.replace("\0", ""))
    try:
        module = restore_module(user=request.user, namespace=namespace, name=name)
    except RegistryError as error:
        if error.status == 404:
            raise Http404(error.detail) from error
        messages.error(request, error.detail)
        return redirect("storage")
    messages.success(request, f"{module.full_name} is back.")
    return redirect(module)


@require_POST
@login_required
def yank(request: HttpRequest, owner: str, name: str, commit: str) -> HttpResponse:
    """With a reason: yank. Without: take it back."""
    module = visible_module(request, owner, name)
    assert isinstance(request.user, User)
    if not module.can_write(request.user):
        raise Http404
    try:
        revision = find_revision(module, commit)
        if "unyank" in request.POST:
            unyank_revision(user=request.user, revision=revision)
        else:
            yank_revision(user=request.user, revision=revision, reason=request.POST.get("reason", ""))
    except RegistryError as error:
        if error.status == 404:
            raise Http404(error.detail) from error
        messages.error(request, error.detail)
    return redirect(f"{module.get_absolute_url()}?revision={commit}")
