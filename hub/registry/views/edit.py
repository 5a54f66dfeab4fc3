"""Change what is said about a module, who sees it, or delete it."""

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from hub.accounts.models import Namespace, User
from hub.accounts.organisations import namespaces_to_publish_in
from hub.registry.forms import EditForm
from hub.registry.models import Module
from hub.registry.services import ModuleMetadata, PublishError, delete_module, metadata_of, update_module
from hub.registry.views.module import visible_module


def metadata_initial(metadata: ModuleMetadata) -> dict[str, Any]:
    """The metadata as a form shows it."""
    fields = (
        *("summary", "task", "license", "dataset", "prompt_template", "prompt_format", "system_prompt"),
        "base_model",
    )
    values: dict[str, Any] = {name: getattr(metadata, name) for name in fields}
    return values | {
        "tags": ", ".join(metadata.tags),
        "languages": ", ".join(metadata.languages),
        "samples": "\n".join(json.dumps(row, ensure_ascii=False) for row in metadata.sample_rows),
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    assert isinstance(request.user, User)
    module = visible_module(request, owner, name)
    if not module.can_write(request.user):
        raise Http404
    can_manage = module.can_manage(request.user)
    head_card = module.head.card if module.head else ""
    initial = metadata_initial(metadata_of(module)) | {"private": module.is_private, "card": head_card}
    form = EditForm(request.POST if request.method == "POST" else None, initial=initial)
    if not can_manage:
        del form.fields["private"]
    if form.is_valid():
        try:
            update_module(
                user=request.user,
                module=module,
                metadata=form.metadata(),
                private=form.cleaned_data.get("private", module.is_private),
                card=form.cleaned_data["card"].replace("\r\n", "\n") if "card" in request.POST else None,
            )
        except PublishError as error:
            form.add_problems(error.problems)
        else:
            messages.success(request, "Saved.")
            return redirect(module)
    context = {
        "form": form,
        "module": module,
        "can_manage": can_manage,
        "namespaces": _targets(request.user, module),
        "tombstone_days": settings.HUB_TOMBSTONE_DAYS,
    }
    return render(request, "registry/edit.html", context, status=400 if form.errors else 200)


def _targets(user: User, module: Module) -> list[Namespace]:
    """Where the module may be moved, its present owner first."""
    others = [one for one in namespaces_to_publish_in(user) if one.pk != module.namespace_id]
    return [module.namespace, *others]


@login_required
@require_POST
def delete(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    assert isinstance(request.user, User)
    module = visible_module(request, owner, name)
    if not module.can_manage(request.user):
        raise Http404
    if request.POST.get("confirm") != module.full_name:
        messages.error(request, f"Nothing was deleted: type {module.full_name} to confirm.")
        return redirect("module-edit", owner=module.namespace.name, name=module.name)
    delete_module(user=request.user, module=module)
    messages.success(request, f"{module.full_name} is deleted. You can restore it in your settings.")
    return redirect("profile", owner=module.namespace.name)
