"""The gate of a module: set by its owner, who decides about requests; asked at by everybody else."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from hub.accounts import audit
from hub.accounts.models import AuditEvent, User
from hub.registry.models import AccessRequest, Gate, Module
from hub.registry.services import RegistryError, decide_access, request_access, set_gate
from hub.registry.views.module import visible_module

REQUESTS_SHOWN = 200


class GateForm(forms.Form):
    gate = forms.ChoiceField(
        choices=Gate.choices, required=False, widget=forms.RadioSelect, label="Who downloads it"
    )
    gate_text = forms.CharField(
        required=False,
        max_length=2000,
        label="Text on the request page",
        help_text="What do you want to know, or to have agreed to?",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RequestForm(forms.Form):
    message = forms.CharField(
        required=False,
        max_length=500,
        label="Message to the owner",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def access(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """For owners: the gate, and who asked. POST sets the gate."""
    module = managed_module(request, owner, name)
    assert isinstance(request.user, User)
    initial = {"gate": module.gate, "gate_text": module.gate_text}
    form = GateForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        data = form.cleaned_data
        set_gate(user=request.user, module=module, gate=data["gate"], text=data["gate_text"])
        messages.success(request, "Saved.")
        return redirect("module-access", owner=module.namespace.name, name=module.name)
    rows = module.access_requests.select_related("user")
    context = {
        "form": form,
        "module": module,
        "can_manage": True,
        "tab": "access",
        "waiting": rows.filter(status=AccessRequest.Status.PENDING)[:REQUESTS_SHOWN],
        "decided": rows.exclude(status=AccessRequest.Status.PENDING)[:REQUESTS_SHOWN],
    }
    return render(request, "registry/access.html", context, status=400 if form.errors else 200)


@never_cache
@login_required
def log(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """Who did what to the module. For owners."""
    module = managed_module(request, owner, name)
    events = AuditEvent.objects.filter(namespace=module.namespace, module=module.pk)
    page = audit.page_of(events, request.GET.get("page"))
    return render(request, "registry/log.html", {"module": module, "page": page, "can_manage": True})


@require_POST
@login_required
def decide(request: HttpRequest, owner: str, name: str, username: str) -> HttpResponse:
    module = managed_module(request, owner, name)
    assert isinstance(request.user, User)
    try:
        decide_access(
            user=request.user, module=module, username=username, status=request.POST.get("status", "")
        )
    except RegistryError as error:
        messages.error(request, error.detail)
    return redirect("module-access", owner=module.namespace.name, name=module.name)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def request_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """For everybody else: ask, and see what became of it."""
    module = visible_module(request, owner, name)
    assert isinstance(request.user, User)
    form = RequestForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            request_access(user=request.user, module=module, message=form.cleaned_data["message"])
        except RegistryError as error:
            messages.info(request, error.detail)
        return redirect("module-request", owner=module.namespace.name, name=module.name)
    context = {
        "form": form,
        "module": module,
        "can_download": module.can_download(request.user),
        "asked": module.access_requests.filter(user=request.user).first(),
    }
    return render(request, "registry/request.html", context, status=400 if form.errors else 200)


def managed_module(request: HttpRequest, owner: str, name: str) -> Module:
    """The module, or 404 for those who may not decide about it."""
    module = visible_module(request, owner, name)
    if not module.can_manage(request.user):
        raise Http404
    return module
