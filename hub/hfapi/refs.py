"""Branches, tags and the history of a repository."""

from typing import Any

from django.http import HttpRequest, JsonResponse

from hub.hfapi.bodies import json_body
from hub.hfapi.endpoint import endpoint
from hub.hfapi.formats import asked, date, is_true, number, page
from hub.hfapi.repos import MAIN, find_own, find_repo
from hub.registry.markdown import render_card
from hub.registry.models import Ref
from hub.registry.services import create_ref, delete_ref

PAGE = 100


@endpoint("GET")
def refs(request: HttpRequest, kind: str, owner: str, name: str) -> JsonResponse:
    found: dict[str, list[dict[str, str]]] = {"branches": [], "tags": [], "converts": []}
    if is_true(request.GET.get("include_prs")):
        found["pullRequests"] = []
    for what, ref, commit in find_repo(request, kind, f"{owner}/{name}").refs():
        branch = what == Ref.Kind.BRANCH
        full = f"refs/{'heads' if branch else 'tags'}/{ref}"
        found["branches" if branch else "tags"].append({"name": ref, "ref": full, "targetCommit": commit})
    return JsonResponse(found)


@endpoint("GET")
def commits(request: HttpRequest, kind: str, owner: str, name: str, rev: str) -> JsonResponse:
    repo = find_repo(request, kind, f"{owner}/{name}")
    start = number(request, "cursor", 0, 1_000_000)
    size = number(request, "limit", PAGE, 1000) or PAGE
    formatted = "formatted" in asked(request, "expand")
    items = []
    for commit in repo.commits(rev, start, size + 1):
        item: dict[str, Any] = {
            "id": commit.commit,
            "title": commit.title,
            "message": commit.description,
            "date": date(commit.date),
            "authors": [{"user": commit.author}] if commit.author else [],
        }
        if formatted:
            html = {"title": render_card(commit.title), "message": render_card(commit.description)}
            item["formatted"] = {key: str(value) for key, value in html.items()}
        items.append(item)
    return page(request, items, start, size)


@endpoint("POST", "DELETE")
def branch(request: HttpRequest, kind: str, owner: str, name: str, branch: str) -> JsonResponse:
    module, user = find_own(request, kind, f"{owner}/{name}")
    if request.method == "DELETE":
        delete_ref(user=user, module=module, kind=Ref.Kind.BRANCH, name=branch)
    else:
        start = json_body(request).get("startingPoint") or MAIN
        create_ref(user=user, module=module, kind=Ref.Kind.BRANCH, name=branch, at=str(start))
    return JsonResponse({})


@endpoint("POST", "DELETE")
def tag(request: HttpRequest, kind: str, owner: str, name: str, rev: str) -> JsonResponse:
    """POST tag/{rev} names the revision; DELETE tag/{tag} forgets the tag."""
    module, user = find_own(request, kind, f"{owner}/{name}")
    if request.method == "DELETE":
        delete_ref(user=user, module=module, kind=Ref.Kind.TAG, name=rev)
    else:
        body = json_body(request)
        create_ref(
            user=user,
            module=module,
            kind=Ref.Kind.TAG,
            name=str(body.get("tag") or ""),
            at=rev,
            message=str(body.get("message") or ""),
        )
    return JsonResponse({})
