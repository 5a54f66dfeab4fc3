"""Finding modules: words, typos, facets with counts, order. A page of the list costs a fixed number of queries."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.search import SearchQuery, TrigramWordSimilarity
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F
from django.http import QueryDict

from hub.registry.models import Module, ModuleQuerySet
from hub.registry.services.search_index import CONFIG, plain

MAX_WORDS = 8
MAX_ALIKE = 1000  # modules found by typos
RANKED = 1000  # of the modules that have the words, the most used: only they are put in the order of the best match
COUNTED = 5_000  # modules that are counted, in all and in facets: of more, the most used
TYPO_SIMILARITY = 0.42  # of a word and its best match in name, summary, task or tags; 1 is equal
FACET_VALUES = 12  # shown of each facet
SORTS = {
    "relevance": "Best match",
    "newest": "Newest",
    "downloads": "Most downloaded",
    "likes": "Most liked",
    "name": "Name",
}
ORDER = {
    "newest": ("-created_at", "-pk"),
    "downloads": ("-downloads", "-pk"),
    "likes": ("-likes", "-downloads", "-pk"),
    "name": ("name", "pk"),
}
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
TOTAL = "total"


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


def read_search(query: QueryDict) -> Search:
    """The search of a query string; what it does not understand is left out, never an error."""
    chosen = {}
    for key in FACETS:
        values = tuple(
            dict.fromkeys(v for v in query.getlist(key)[:20] if v and len(v) <= 200 and "\0" not in v)
        )
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


class Finder:
    """One search by one user. Whether typos have to be forgiven is found out once.

    within: narrows the modules further. A filter put on rows() instead would come after the best matches were taken.
    """

    def __init__(
        self,
        search: Search,
        user: Any,
        within: Callable[[ModuleQuerySet], ModuleQuerySet] = lambda rows: rows,
    ) -> None:
        self.search = search
        self.user = user
        self.within = within
        self.words = list(dict.fromkeys(re.findall(r"[^\W_]+", plain(search.text))))[:MAX_WORDS]
        self.query = SearchQuery(
            " & ".join(f"{word}:*" for word in self.words), config=CONFIG, search_type="raw"
        )
        self.exact = bool(self.words) and self._visible().filter(search_vector=self.query).exists()
        self.alike = [] if self.exact or not self.words else self._alike()

    def rows(self) -> ModuleQuerySet:
        """The modules that fit and that the user may see, in order."""
        rows = self._matching()
        if self.search.sort == "relevance" and self.words:
            most_used = rows.order_by("-downloads", "-pk").values("pk")[:RANKED]
            rows = Module.objects.filter(pk__in=most_used)
            return rows.alias(relevance=self._relevance()).order_by("-relevance", "-downloads", "-pk")
        return rows.order_by(*ORDER.get(self.search.sort, ORDER["newest"]))

    def counted(self) -> tuple[int, list[Facet]]:
        """(how many modules fit, every facet with the values that still find something), by one query.

        A facet is counted as if it were not chosen itself. Of more than COUNTED modules only the most used are counted: then
        the number is COUNTED + 1.
        """
        counts: dict[str, list[tuple[str, int]]] = {key: [] for key in FACETS}
        total = 0
        try:
            sql, params = self._count_sql()
        except EmptyResultSet:  # no module can fit
            return 0, []
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            for key, value, count in cursor.fetchall():
                if key == TOTAL:
                    total = count
                else:
                    counts[key].append((value, count))
        return total, [facet for key in FACETS if (facet := self._facet(key, counts[key])).values]

    def _facet(self, key: str, counts: list[tuple[str, int]]) -> Facet:
        chosen = self.search.chosen.get(key, ())
        values = [FacetValue(value, n, value in chosen) for value, n in counts]
        values = [v for i, v in enumerate(values) if i < FACET_VALUES or v.chosen]
        missing = [FacetValue(value, 0, True) for value in chosen if value not in {v.value for v in values}]
        return Facet(key, FACETS[key][0], missing + values)

    def _count_sql(self) -> tuple[str, list[Any]]:
        """Rows (facet, value, count). The modules found are a common table; a chosen facet needs one of its own, without
        its own condition."""
        tables: list[str] = []
        params: list[Any] = []
        parts = [f"SELECT '{TOTAL}', '', count(*) FROM found"]
        for key in ("", *self.search.chosen):
            rows = self._matching(but=key).values_list(*(column for _, column in FACETS.values()))
            sql, arguments = rows.order_by("-downloads", "-pk")[: COUNTED + 1].query.sql_with_params()
            names = ", ".join(FACETS)
            tables.append(f"found{'_' + key if key else ''} ({names}) AS MATERIALIZED ({sql})")
            params += arguments
        for key in FACETS:
            table = f"found_{key}" if key in self.search.chosen else "found"
            source = f"{table}, unnest({table}.{key}) AS value" if key in LISTS else table
            value = "value" if key in LISTS else f"{table}.{key}::text"
            parts.append(
                f"(SELECT '{key}', {value} AS item, count(*) AS n FROM {source} WHERE {value} <> '' "
                f"GROUP BY item ORDER BY n DESC, item LIMIT {FACET_VALUES + 20})"
            )
        return f"WITH {', '.join(tables)} {' UNION ALL '.join(parts)}", params

    def _visible(self) -> ModuleQuerySet:
        return Module.objects.visible_to(self.user)

    def _matching(self, but: str = "") -> ModuleQuerySet:
        """The visible modules that fit all that is chosen, except in the facet `but`."""
        rows = self.within(self._visible())
        for key, values in self.search.chosen.items():
            column = FACETS[key][1]
            if key in LISTS and key != but:
                rows = rows.filter(**{f"{column}__overlap": list(values)})
            elif key != but:
                rows = rows.filter(**{f"{column}__in": values})
        if self.search.author:
            rows = rows.filter(namespace__name__iexact=self.search.author)
        if self.search.composable:
            rows = rows.filter(head__composable=True, base_model__isnull=False)
        return self._with_text(rows)

    def _with_text(self, rows: ModuleQuerySet) -> ModuleQuerySet:
        """The rows that have all words, as beginnings of words; if no module has them, those with words like them."""
        if not self.search.text:
            return rows
        if not self.words:
            return rows.none()
        if self.exact:
            return rows.filter(search_vector=self.query)
        return rows.filter(pk__in=self.alike)

    def _alike(self) -> list[int]:
        """The modules with a word like each of the words: typos are forgiven."""
        # The operator that has an index takes its threshold from the session.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('pg_trgm.word_similarity_threshold', %s, false)", [str(TYPO_SIMILARITY)]
            )
        rows = self._visible()
        for word in self.words:
            rows = rows.filter(search_text__trigram_word_similar=word)
        return list(rows.values_list("pk", flat=True)[:MAX_ALIKE])

    def _relevance(self) -> Any:
        """How like the words its name, summary, task and tags are; what only the card says counts least."""
        return TrigramWordSimilarity(" ".join(self.words), F("search_text"))
