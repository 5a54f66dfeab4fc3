"""Who somebody is, what they own, and what they like."""

from typing import Any

from django.http import HttpRequest, JsonResponse

from hub.accounts import policy
from hub.accounts.models import Membership, Namespace, User
from hub.community import services
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.formats import date, number, page
from hub.hfapi.identity import require_user
from hub.hfapi.repos import ModuleRepo, find_repo
from hub.registry.models import Module

PAGE, MOST = 100, 1000
FAR = 10_000_000  # people


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
    liked = services.liked_modules(namespace.user, request.user).count() if namespace.user else 0
    return JsonResponse(body | dict.fromkeys(zero, 0) | {"numLikes": liked})


@endpoint("GET")
def likers(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    repo = find_repo(request, kind, f"{owner}/{name}")
    if not isinstance(repo, ModuleRepo):
        return JsonResponse([], safe=False)
    start, size = _part(request)
    names = services.likers(repo.module).values_list("username", flat=True)[start : start + size + 1]
    return page(request, [_person(request, name) for name in names], start, size)


def _part(request: HttpRequest) -> tuple[int, int]:
    """Where the page asked for begins, and its length."""
    return number(request, "cursor", 0, FAR), number(request, "limit", PAGE, MOST) or PAGE


def _person(request: HttpRequest, username: str) -> dict[str, Any]:
    avatar = request.build_absolute_uri("/static/favicon.svg")
    return {"user": username, "fullname": username, "type": "user", "isPro": False, "avatarUrl": avatar}


@endpoint("GET")
def likes(request: HttpRequest, name: str) -> JsonResponse:
    """What a person likes, as far as the asker may see it."""
    person = User.objects.filter(username__iexact=name.replace("\0", ""), is_active=True).first()
    if person is None:
        raise HubError("unknown_user", f"There is nobody named {ascii(name)[1:-1][:96]}.", status=404)
    rows = services.liked_modules(person, request.user).values_list(
        "namespace__name", "name", "liked_by__created_at"
    )
    start, size = _part(request)
    items = [
        {"createdAt": date(moment), "repo": {"name": f"{owner}/{module}", "type": "model"}}
        for owner, module, moment in rows[start : start + size + 1]
    ]
    return page(request, items, start, size)


@endpoint("POST", "DELETE")
def like(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    user = require_user(request)
    repo = find_repo(request, kind, f"{owner}/{name}")
    if not isinstance(repo, ModuleRepo):
        raise HubError("forbidden", "Base models cannot be liked on this hub.", status=403)
    change = services.unlike if request.method == "DELETE" else services.like
    return JsonResponse({"likes": change(user=user, module=repo.module)})
