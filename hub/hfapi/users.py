"""Who somebody is, what they own, and what they like."""

from typing import Any

from django.http import HttpRequest, JsonResponse

from hub.accounts import policy
from hub.accounts.models import Membership, Namespace
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.formats import date
from hub.hfapi.identity import require_user
from hub.hfapi.repos import find_repo
from hub.registry.models import Module


@endpoint("GET")
def whoami(request: HttpRequest) -> JsonResponse:
    user = require_user(request)
    token = user.token
    assert token is not None  # a session counts for files alone
    body = {
        "type": "user",
        "id": str(user.pk),
        "name": user.username,
        "fullname": user.get_full_name() or user.username,
        "email": user.email,
        "emailVerified": False,
        "isPro": False,
        "canPay": False,
        "avatarUrl": request.build_absolute_uri("/static/favicon.svg"),
        "orgs": [_organisation(membership) for membership in user.memberships.select_related("namespace")],
        "auth": {
            "type": "access_token",
            "accessToken": {
                "displayName": token.name,
                "role": "fineGrained" if token.is_fine_grained else token.scope,
                "createdAt": date(token.created_at),
            },
        },
    }
    return JsonResponse(body)


def _organisation(membership: Membership) -> dict[str, Any]:
    role = {"owner": "admin", "writer": "write"}.get(membership.role, "read")
    name = membership.namespace.name
    return {"type": "org", "name": name, "fullname": name, "roleInOrg": role, "isEnterprise": False}


@endpoint("GET")
def own_repositories(request: HttpRequest) -> JsonResponse:
    """For `hf repos ls`: the user's modules and drafts, with what their newest files take."""
    user = require_user(request)
    rows = Module.objects.reachable_by(user).filter(policy.own(user)).select_related("namespace", "head")
    items: list[dict[str, Any]] = [
        {
            "id": module.full_name,
            "type": "model",
            "updatedAt": date(module.updated_at),
            "visibility": "private" if module.is_private else "public",
            "storage": module.head.size if module.head else 0,
        }
        for module in rows.order_by("-updated_at")[:1000]
    ]
    total = sum(item["storage"] for item in items) or 1
    for item in items:
        item["storagePercent"] = round(item["storage"] / total, 4)
    return JsonResponse(items, safe=False)


@endpoint("GET")
def overview(request: HttpRequest, kind: str, name: str) -> JsonResponse:
    """A user's or an organisation's public facts."""
    wanted = Namespace.Kind.USER if kind == "users" else Namespace.Kind.ORGANISATION
    rows = Namespace.objects.select_related("user").filter(kind=wanted, name__iexact=name.replace("\0", ""))
    namespace = rows.first()
    if namespace is None or (namespace.user is not None and not namespace.user.is_active):
        raise HubError("unknown_user", f"There is nobody named {ascii(name)[1:-1][:96]}.", status=404)
    modules = Module.objects.visible_to(request.user).filter(namespace=namespace).count()
    zero = (
        "numDatasets",
        "numSpaces",
        "numDiscussions",
        "numPapers",
        "numUpvotes",
        "numLikes",
        "numFollowers",
    )
    body: dict[str, Any] = {
        "user": namespace.name,
        "name": namespace.name,
        "fullname": namespace.name,
        "type": "user" if kind == "users" else "org",
        "avatarUrl": request.build_absolute_uri("/static/favicon.svg"),
        "isPro": False,
        "createdAt": date(namespace.created_at),
        "numModels": modules,
        "numFollowing": 0,
        "numUsers": 0,
        "orgs": [],
    }
    return JsonResponse(body | dict.fromkeys(zero, 0))


@endpoint("GET")
def likers(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    """Nothing can be liked on this hub so far."""
    find_repo(request, kind, f"{owner}/{name}")
    return JsonResponse([], safe=False)


@endpoint("GET")
def likes(request: HttpRequest, name: str) -> JsonResponse:
    return JsonResponse([], safe=False)


@endpoint("DELETE")
def unlike(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    require_user(request)
    find_repo(request, kind, f"{owner}/{name}")
    return JsonResponse({})
