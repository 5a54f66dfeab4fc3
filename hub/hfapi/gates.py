"""Requests for access to a gated module: see them, and decide."""

from django.http import HttpRequest, JsonResponse

from hub.hfapi.bodies import json_body
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.formats import date
from hub.hfapi.repos import find_own
from hub.registry.access_models import AccessRequest
from hub.registry.services import decide_access, require_manage

Status = AccessRequest.Status
# The protocol's words for ours
WORDS = {
    "pending": [Status.PENDING],
    "accepted": [Status.GRANTED],
    "rejected": [Status.DENIED, Status.REVOKED],
}
DECISIONS = {"accepted": Status.GRANTED, "rejected": Status.DENIED, "pending": Status.REVOKED}
MOST = 1000


@endpoint("GET")
def requests(request: HttpRequest, kind: str, owner: str, name: str, status: str) -> JsonResponse:
    module, user = find_own(request, kind, f"{owner}/{name}")
    require_manage(user, module)
    if status not in WORDS:
        raise HubError("bad_parameter", "The status is pending, accepted or rejected.")
    rows = AccessRequest.objects.filter(module=module, status__in=WORDS[status]).select_related("user")
    items = [
        {
            "requestId": str(row.pk),
            "user": {
                "_id": str(row.user.pk),
                "user": row.user.username,
                "fullname": row.user.get_full_name() or row.user.username,
                "email": None,
            },
            "status": status,
            "timestamp": date(row.created_at),
            "fields": {"message": row.message} if row.message else {},
        }
        for row in rows.order_by("-pk")[:MOST]
    ]
    return JsonResponse(items, safe=False)


@endpoint("POST")
def handle(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    module, user = find_own(request, kind, f"{owner}/{name}")
    body = json_body(request)
    status = DECISIONS.get(str(body.get("status")))
    if status is None:
        raise HubError("bad_parameter", "The status is accepted, rejected or pending.")
    decide_access(user=user, module=module, username=str(body.get("user") or ""), status=status)
    return JsonResponse({})


@endpoint("POST")
def grant(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    module, user = find_own(request, kind, f"{owner}/{name}")
    username = str(json_body(request).get("user") or "")
    decide_access(user=user, module=module, username=username, status=Status.GRANTED)
    return JsonResponse({})
