"""Home, the list of modules, and a person's profile."""

from urllib.parse import quote, urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import resolve
from django.views.decorators.http import require_safe

from hub.accounts.models import Namespace
from hub.accounts.policy import role_in
from hub.registry import search as finder
from hub.registry.cards import cards, lean
from hub.registry.models import Module

PAGE_SIZE = 24
MEMBERS_SHOWN = 60


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    rows = Module.objects.visible_to(request.user)
    context = {
        "newest": cards(lean(rows.order_by("-created_at", "-pk"))[:6]),
        "popular": cards(lean(rows.filter(downloads__gt=0).order_by("-downloads", "-pk"))[:6]),
        "total": rows.count(),
    }
    return render(request, "registry/home.html", context)


@require_safe
def browse(request: HttpRequest) -> HttpResponse:
    """The list; htmx asks for the same address while somebody types, and gets the results alone."""
    search = finder.read_search(request.GET)
    found = finder.Finder(search, request.user)
    total, facets = found.counted()
    paginator = Paginator(lean(found.rows()), PAGE_SIZE)
    most = finder.RANKED if search.sort == "relevance" and search.text else finder.COUNTED
    paginator.count = min(total, most)  # known already
    page = paginator.get_page(request.GET.get("page"))
    query = _pairs(request, without="page")
    context = {
        "search": search,
        "search_text": search.text,
        "total": min(total, finder.COUNTED),
        "is_counted": total <= finder.COUNTED,
        "page": page,
        "cards": cards(page.object_list),
        "facets": _facet_links(request, facets),
        "sorts": _sort_links(request, search),
        "query": f"{urlencode(query)}&" if query else "",
        "kept": [pair for pair in query if pair[0] != "search"],
    }
    part = request.headers.get("HX-Request") == "true" and request.headers.get("HX-Target") == "results"
    return render(request, "registry/_results.html" if part else "registry/browse.html", context)


@require_safe
def profile(request: HttpRequest, owner: str) -> HttpResponse:
    namespace = get_object_or_404(
        Namespace.objects.select_related("user"), name__iexact=owner.replace("\0", "")
    )
    if namespace.deleted_at or (namespace.user is not None and not namespace.user.is_active):
        return render(request, "404.html", status=404)
    rows = Module.objects.visible_to(request.user).filter(namespace=namespace).order_by("-created_at", "-pk")
    page = Paginator(lean(rows), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "namespace": namespace,
        "page": page,
        "cards": cards(page.object_list),
        "can_publish": namespace.can_write(request.user),
        "role": role_in(namespace, request.user),
        "members": namespace.memberships.select_related("user")[:MEMBERS_SHOWN],
        "organisations": _organisations_of(namespace),
    }
    return render(request, "registry/profile.html", context)


def _organisations_of(namespace: Namespace) -> QuerySet[Namespace]:
    """Where the person is a member; none for an organisation."""
    rows = Namespace.objects.filter(deleted_at=None, memberships__user=namespace.user_id or 0)
    return rows.order_by("name")


@require_safe
def without_slash(request: HttpRequest, **names: str) -> HttpResponse:
    """/alice/ and /alice/opposites/ lead to the pages without the slash, if those are there."""
    path = request.path.rstrip("/")
    view = resolve(path)
    answer: HttpResponse = view.func(request, **view.kwargs)
    return redirect(quote(path)) if answer.status_code < 400 else answer


def _facet_links(request: HttpRequest, facets: list[finder.Facet]) -> list[dict[str, object]]:
    """The facets with, for every value, the address that chooses it or lets it go."""
    pairs = _pairs(request, without="page")
    found = []
    for facet in facets:
        values = []
        for value in facet.values:
            pair = (facet.key, value.value)
            kept = [other for other in pairs if other != pair] if value.chosen else [*pairs, pair]
            values.append({"value": value, "url": f"?{urlencode(kept)}"})
        found.append({"facet": facet, "values": values})
    return found


def _sort_links(request: HttpRequest, search: finder.Search) -> list[dict[str, object]]:
    pairs = [pair for pair in _pairs(request, without="page") if pair[0] != "sort"]
    return [
        {"label": label, "url": f"?{urlencode([*pairs, ('sort', key)])}", "chosen": key == search.sort}
        for key, label in finder.SORTS.items()
        if key != "relevance" or search.text
    ]


def _pairs(request: HttpRequest, *, without: str) -> list[tuple[str, str]]:
    """The query string as pairs."""
    return [(key, value) for key, values in request.GET.lists() for value in values if key != without]
