"""What I and my organisations take of the hub, and what was deleted but can be restored."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.accounts.models import User
from hub.accounts.organisations import namespaces_to_publish_in
from hub.registry.services.names import keeps_name_until, tombstones
from hub.registry.services.quotas import usage_of

TOMBSTONES_SHOWN = 100


@never_cache
@login_required
@require_safe
def storage(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    namespaces = namespaces_to_publish_in(request.user)
    deleted = [
        {"module": module, "until": keeps_name_until(module)}
        for namespace in namespaces
        if namespace.can_manage(request.user)
        for module in tombstones(namespace)[:TOMBSTONES_SHOWN]
    ]
    context = {"usages": [usage_of(one) for one in namespaces], "deleted": deleted, "tab": "storage"}
    return render(request, "registry/storage.html", context)
