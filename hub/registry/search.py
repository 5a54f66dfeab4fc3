"""Finding modules: words, typos, facets with counts, order. A page of the list costs a fixed number of queries."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db.models import Count, F, FloatField, Func, Q, Value
from django.db.models.functions import Cast
from django.http import QueryDict

from hub.registry.models import Module, ModuleQuerySet
from hub.registry.services.search_index import CONFIG, plain

MAX_WORDS = 8
TYPO_SIMILARITY = 0.42  # of a word and its best match in name, summary, task or tags; 1 is equal
FACET_VALUES = 12  # shown of each facet
SORTS = {"relevance": "Best match", "newest": "Newest", "downloads": "Most downloaded", "name": "Name"}
ORDER = {"newest": ("-created_at", "-pk"), "downloads": ("-downloads", "-pk"), "name": ("name", "pk")}
# facet -> (heading, column)
FACETS = {
    "base_model": ("Base model", "base_model_label"),
    "task": ("Task", "task"),
    "language": ("Language", "languages"),
    "license": ("Licence", "license"),
    "rank": ("Rank", "head__rank"),
    "type": ("Adapter type", "head__peft_type"),
    "dataset": ("Dataset", "dataset"),
    "tag": ("Tag", "tags"),
}
LISTS = {"language", "tag"}


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. chosen: facet -> values, any of which will do; different facets must all fit."""

    text: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = "newest"
    author: str = ""
    composable: bool = False


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    key: str
    heading: str
    values: list[FacetValue]
    open: bool


def read_search(query: QueryDict) -> Search:
    """The search of a query string; what it does not understand is left out, never an error."""
    chosen = {}
    for key in FACETS:
        values = tuple(dict.fromkeys(v for v in query.getlist(key)[:20] if v and len(v) <= 200 and "\0" not in v))
        if key == "rank":
            values = tuple(v for v in values if re.fullmatch(r"[0-9]{1,4}", v, re.ASCII))
        if values:
            chosen[key] = values
    text = query.get("search", "").replace("\0", " ").strip()[:200]
    sort = query.get("sort", "")
    if sort not in SORTS or (sort == "relevance" and not text):
        sort = "relevance" if text else "newest"
    author = query.get("author", "").replace("\0", "")[:96]
    return Search(text, chosen, sort, author, query.get("composable", "").lower() in ("1", "true", "on"))


def find(search: Search, user: Any) -> ModuleQuerySet:
    """The modules that fit and that the user may see, in order."""
    rows, relevance = _by_text(_filtered(search, user), search.text)
    if search.sort == "relevance" and relevance is not None:
        return rows.alias(relevance=relevance).order_by("-relevance", "-downloads", "-pk")
    return rows.order_by(*ORDER.get(search.sort, ORDER["newest"]))


def facets(search: Search, user: Any) -> list[Facet]:
    """Every facet with the values that still find something, counted as if the facet itself were not chosen."""
    found = []
    for key, (heading, column) in FACETS.items():
        rows, _ = _by_text(_filtered(search, user, but=key), search.text)
        value = Func(F(column), function="unnest") if key in LISTS else F(column)
        counts = (
            rows.order_by()
            .values(facet=value)
            .annotate(n=Count("pk"))
            .exclude(**({} if key in LISTS or key == "rank" else {column: ""}))
            .order_by("-n", "facet")
            .values_list("facet", "n")[: FACET_VALUES + 20]
        )
        chosen = search.chosen.get(key, ())
        values = [FacetValue(str(value), n, str(value) in chosen) for value, n in counts]
        values = [v for i, v in enumerate(values) if i < FACET_VALUES or v.chosen]
        missing = [FacetValue(value, 0, True) for value in chosen if value not in {v.value for v in values}]
        if values or missing:
            found.append(Facet(key, heading, missing + values, bool(chosen) or key in ("base_model", "task")))
    return found


def _filtered(search: Search, user: Any, but: str = "") -> ModuleQuerySet:
    rows = Module.objects.visible_to(user)
    for key, values in search.chosen.items():
        if key == but:
            continue
        column = FACETS[key][1]
        if key in LISTS:
            rows = rows.filter(**{f"{column}__overlap": list(values)})
        else:
            rows = rows.filter(**{f"{column}__in": values})
    if search.author:
        rows = rows.filter(namespace__name__iexact=search.author)
    if search.composable:
        rows = rows.filter(head__composable=True, base_model__isnull=False)
    return rows


def _by_text(rows: ModuleQuerySet, text: str) -> tuple[ModuleQuerySet, Any]:
    """The rows that have all words of the text, as beginnings of words; if there are none, those with words like them."""
    if not text:
        return rows, None
    words = list(dict.fromkeys(re.findall(r"[^\W_]+", plain(text))))[:MAX_WORDS]
    if not words:
        return rows.none(), None
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), config=CONFIG, search_type="raw")
    exact = rows.filter(search_vector=query)
    if exact.exists():
        closeness = TrigramWordSimilarity(" ".join(words), F("search_text"))
        return exact, Cast(SearchRank(F("search_vector"), query), FloatField()) + closeness
    likeness: Any = Value(0.0)
    condition = Q()
    for number, word in enumerate(words):
        similarity = TrigramWordSimilarity(word, F("search_text"))
        rows = rows.alias(**{f"like_{number}": similarity})
        condition &= Q(**{f"like_{number}__gte": TYPO_SIMILARITY})
        likeness = likeness + similarity
    return rows.filter(condition), likeness
