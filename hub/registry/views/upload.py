"""Upload a new module, or a new revision of one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hub.accounts.models import User
from hub.accounts.organisations import namespaces_to_publish_in
from hub.registry.forms import RevisionForm, UploadForm
from hub.registry.services import PublishError, metadata_of, publish_revision
from hub.registry.uploads import uploaded
from hub.registry.views.edit import metadata_initial
from hub.registry.views.module import visible_module


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    namespaces = namespaces_to_publish_in(request.user)
    form = UploadForm(initial={"owner": request.GET.get("owner", "")}, namespaces=namespaces)
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES, namespaces=namespaces)
        if form.is_valid():
            try:
                with uploaded(form.cleaned_data["files"]) as files:
                    revision = publish_revision(
                        user=request.user,
                        namespace=form.namespace,
                        name=form.cleaned_data["name"],
                        files=files,
                        metadata=form.metadata(),
                        private=form.cleaned_data["private"],
                    )
            except PublishError as error:
                form.add_problems(error.problems)
                return render(request, "registry/upload.html", {"form": form}, status=error.status)
            messages.success(request, f"{revision.module.full_name} is published.")
            return redirect(revision.module)
    return render(request, "registry/upload.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_revision(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    assert isinstance(request.user, User)
    module = visible_module(request, owner, name)
    if not module.can_write(request.user):
        raise Http404
    form = RevisionForm(initial=metadata_initial(metadata_of(module)))
    if request.method == "POST":
        form = RevisionForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                with uploaded(form.cleaned_data["files"]) as files:
                    revision = publish_revision(
                        user=request.user,
                        namespace=module.namespace,
                        name=module.name,
                        files=files,
                        metadata=form.metadata(),
                        message=form.cleaned_data["message"],
                        create=False,
                    )
            except PublishError as error:
                form.add_problems(error.problems)
                return render(
                    request, "registry/upload.html", {"form": form, "module": module}, status=error.status
                )
            messages.success(request, f"Revision {revision.number} of {module.full_name} is published.")
            return redirect(module)
    context = {"form": form, "module": module}
    return render(request, "registry/upload.html", context, status=400 if form.errors else 200)
