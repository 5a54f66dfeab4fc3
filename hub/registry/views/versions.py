"""The commits of a module, one commit, and two revisions compared."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from hub.registry.models import Module, Ref
from hub.registry.services import split_ref
from hub.registry.services.diff import compare
from hub.registry.services.history import history
from hub.registry.views.module import visible_module, visible_revision

PAGE = 30


def named(module: Module) -> list[Ref]:
    """Branches, `main` first, then tags; with their revisions."""
    rows = module.refs.select_related("revision")
    return sorted(rows, key=lambda ref: (ref.kind != Ref.Kind.BRANCH, ref.name != "main", ref.name))


def shared(request: HttpRequest, module: Module, tab: str, ref: str = "main") -> dict[str, Any]:
    """What all these pages show around their own part. ref: the name under which the revision is looked at."""
    return {
        "module": module,
        "tab": tab,
        "ref": ref,
        "refs": named(module),
        "can_write": module.can_write(request.user),
        "can_download": module.can_download(request.user),
    }


@require_safe
def versions(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    module = visible_module(request, owner, name, drafts=True)
    return redirect("module-commits", owner=module.namespace.name, name=module.name, rest="main")


@require_safe
def commits(request: HttpRequest, owner: str, name: str, rest: str) -> HttpResponse:
    module = visible_module(request, owner, name, drafts=True)
    ref, path = split_ref(module, rest)
    if path:
        raise Http404("Commits are listed for a revision, not for a file.")
    text = request.GET.get("from", "0")
    start = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    rows = history(visible_revision(module, ref), start, PAGE + 1)
    context = shared(request, module, "versions", ref)
    labels: dict[int, list[Ref]] = {}
    for label in context["refs"]:
        labels.setdefault(label.revision_id, []).append(label)
    context |= {
        "rows": [{"revision": row, "labels": labels.get(row.pk, [])} for row in rows[:PAGE]],
        "older": start + PAGE if len(rows) > PAGE else None,
        "start": start,
    }
    return render(request, "registry/commits.html", context)


@require_safe
def commit(request: HttpRequest, owner: str, name: str, rev: str) -> HttpResponse:
    module = visible_module(request, owner, name, drafts=True)
    revision = visible_revision(module, rev)
    context = shared(request, module, "versions", revision.commit)
    context |= {
        "revision": revision,
        "before": revision.parent,
        "files": compare(revision.parent, revision, contents=context["can_download"]),
        "labels": [ref for ref in context["refs"] if ref.revision_id == revision.pk],
    }
    return render(request, "registry/commit.html", context)


@require_safe
def compared(request: HttpRequest, owner: str, name: str, rest: str = "") -> HttpResponse:
    """/compare/a...b; the form of the page sends both as parameters."""
    module = visible_module(request, owner, name, drafts=True)
    if not rest and request.GET.get("after"):
        both = f"{request.GET.get('before', 'main')}...{request.GET['after']}"
        return redirect("module-compare", owner=module.namespace.name, name=module.name, rest=both)
    before, dots, after = rest.partition("...")
    if not dots:
        raise Http404("Two revisions are compared as a...b.")
    old, new = visible_revision(module, before), visible_revision(module, after)
    context = shared(request, module, "versions", after)
    context |= {
        "before": old,
        "revision": new,
        "before_name": before,
        "after_name": after,
        "files": compare(old, new, contents=context["can_download"]),
    }
    return render(request, "registry/compare.html", context)
