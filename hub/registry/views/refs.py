"""Make and delete branches and tags, and bring an old version back as a new one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from hub.accounts.models import User
from hub.registry.models import Module, Ref
from hub.registry.services import Changes, PublishError, RegistryError, commit_changes, create_ref, delete_ref
from hub.registry.views.module import visible_module, visible_revision


def _own(request: HttpRequest, owner: str, name: str) -> tuple[Module, User]:
    module = visible_module(request, owner, name, drafts=True)
    assert isinstance(request.user, User)
    if not module.can_write(request.user):
        raise Http404
    return module, request.user


def _back(module: Module) -> HttpResponse:
    return redirect("module-commits", owner=module.namespace.name, name=module.name, rest="main")


@require_POST
@login_required
def create(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    module, user = _own(request, owner, name)
    kind = Ref.Kind.TAG if request.POST.get("kind") == "tag" else Ref.Kind.BRANCH
    wanted = request.POST.get("name", "").strip()
    try:
        create_ref(user=user, module=module, kind=kind, name=wanted, at=request.POST.get("at") or "main")
    except RegistryError as error:
        messages.error(request, f"Nothing was made. {error.detail}")
    else:
        messages.success(request, f"The {kind} {wanted} is there.")
    return _back(module)


@require_POST
@login_required
def delete(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    module, user = _own(request, owner, name)
    kind, gone = request.POST.get("kind", ""), request.POST.get("name", "")
    try:
        delete_ref(user=user, module=module, kind=kind, name=gone)
    except RegistryError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"The {kind} {gone} is gone; its commits are still there.")
    return _back(module)


@require_POST
@login_required
def bring_back(request: HttpRequest, owner: str, name: str, rev: str) -> HttpResponse:
    """The files of an old revision as the newest commit of main."""
    module, user = _own(request, owner, name)
    revision = visible_revision(module, rev)
    now = {file.path for file in visible_revision(module, "main").files.all()}
    then = {file.path: file.blob for file in revision.files.select_related("blob")}
    try:
        made = commit_changes(
            user=user,
            module=module,
            changes=Changes(added=then, removed=sorted(now - then.keys())),
            message=f"Bring back version {revision.number} ({revision.short})",
        )
    except PublishError as error:
        messages.error(request, f"Nothing was changed. {error.detail}")
    except RegistryError as error:
        messages.error(request, f"Nothing was changed. {error.detail}")
    else:
        messages.success(request, f"Version {made.number} has the files of version {revision.number}.")
    return _back(module)
