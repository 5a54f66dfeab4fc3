"""Which modules may help with these examples, before any of them is run: by what they say. The composer then tries them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from pgvector.django import CosineDistance

from composer.adapter_files import CONFIG as CONFIG_FILE
from composer.adapter_files import WEIGHTS
from composer.embed import normalised
from composer.examples import Example
from composer.same_update import first_of_each
from hub.registry.models import (
    VECTOR_SIZE,
    BaseModel,
    File,
    Module,
    ModuleQuerySet,
    ModuleVector,
    Revision,
    SampleVector,
)
from hub.registry.services.search_index import CONFIG, plain
from hub.registry.services.sketches import sketches_of
from hub.registry.services.vectors import embedder

MAX_CANDIDATES = (
    200  # each is tried on one example at least; 64 left half of the right ones out (benchmarks/selection.py)
)
MAX_WORDS = 24
DEPTH = 1000  # places of each ranking that count; copies of a module may take many of them
FUSION = 10  # the constant of reciprocal rank fusion: what a place is worth falls to half in so many places
ABOUT_SHARE, SAMPLES_SHARE, WORDS_SHARE = 0.5, 0.3, 0.2  # of the score: meaning is the better guide


@dataclass(frozen=True, slots=True)
class Candidate:
    """score: 1 for a module that all rankings put first, 0 for one that none knows. similarity: the cosine of what the
    examples and the module are about, None without a vector."""

    revision: Revision
    score: float
    similarity: float | None


def candidates_for(base_model: BaseModel, user: Any, examples: Sequence[Example]) -> list[Revision]:
    """Newest revisions of composable modules of this base model that the user may download: at most 200, likeliest first."""
    return [candidate.revision for candidate in rank_modules(base_model, user, examples)]


def rank_modules(
    base_model: BaseModel, user: Any, examples: Sequence[Example], *, most: int = MAX_CANDIDATES
) -> list[Candidate]:
    """The candidates with their scores, the likeliest first; the rest of the `most` by downloads.

    Three rankings, by the meaning of what a module says, by its sample rows, and by common words, are fused by reciprocal
    ranks (Cormack et al., SIGIR 2009). A hub without a sentence model, and modules without a vector yet, are ranked by words
    alone.
    Of modules with the same files, or that add nearly the same to the base model, only the likeliest is taken. And the more
    that say the same are taken, the less the next of them counts: what a module says is not always what helps, so the others
    get their places too.
    """
    rows = Module.objects.composable_by(user).filter(base_model=base_model)
    words = telling_words(examples)
    likeness, rows_likeness = _by_meaning(rows, examples)
    by_words = _by_words(rows, words)
    order = {pk: place for place, pk in enumerate(by_words)}
    scores = fused(
        [
            (places(likeness), ABOUT_SHARE),
            # A module without sample rows is not behind for it.
            (places(likeness) | places(rows_likeness), SAMPLES_SHARE),
            (order, WORDS_SHARE),
        ]
    )
    best = _without_copies(sorted(scores, key=lambda pk: (-scores[pk], order.get(pk, DEPTH), pk)))
    best = _spread(best, scores, most)
    if len(best) < most:
        rest = rows.exclude(pk__in=scores).order_by("-downloads", "pk").values_list("pk", flat=True)
        best = _without_copies([*best, *rest[:DEPTH]])
    best = best[:most]
    modules = Module.objects.select_related("head", "namespace", "base_model").in_bulk(best)
    found = []
    for pk in best:
        module = modules[pk]
        assert module.head is not None  # visible modules have one
        module.head.module = module
        found.append(Candidate(module.head, scores.get(pk, 0.0), likeness.get(pk)))
    return found


def places(values: Mapping[int, float]) -> dict[int, int]:
    """Key -> its place by descending value, from 0; equal values (to four digits) share a place."""
    rounded = {key: round(value, 4) for key, value in values.items()}
    place_of = {value: place for place, value in enumerate(sorted(set(rounded.values()), reverse=True))}
    return {key: place_of[value] for key, value in rounded.items()}


def fused(rankings: Iterable[tuple[Mapping[int, int], float]]) -> dict[int, float]:
    """Reciprocal rank fusion of (key -> place, share): key -> score, 1 if it is first in all. Empty rankings do not count."""
    ranked = [(ranking, share) for ranking, share in rankings if ranking]
    whole = sum(share for _, share in ranked)
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking, share in ranked:
        for key, place in ranking.items():
            scores[key] += share / whole * (FUSION + 1) / (FUSION + 1 + place)
    return dict(scores)


def _spread(pks: Sequence[int], scores: Mapping[int, float], most: int) -> list[int]:
    """`most` of the modules, in their order: each time the one with the largest score / (1 + how often it has been said).

    How often: the sum over those taken of the cosine of what both say, to the eighth power: 1 if the same, else hardly any.
    """
    if len(pks) <= most:
        return list(pks)
    vectors = np.zeros((len(pks), VECTOR_SIZE), dtype=np.float32)
    place = {pk: i for i, pk in enumerate(pks)}
    for pk, vector in ModuleVector.objects.filter(pk__in=pks).values_list("pk", "about"):
        vectors[place[pk]] = vector
    values = np.array([scores[pk] for pk in pks])
    said = np.zeros(len(pks))
    taken: list[int] = []
    for _ in range(most):
        gain = values / (1 + said)
        gain[taken] = -1
        best = int(gain.argmax())
        taken.append(best)
        said += np.maximum(vectors @ vectors[best], 0) ** 8
    return [pks[i] for i in sorted(taken)]


def _by_meaning(
    rows: ModuleQuerySet, examples: Sequence[Example]
) -> tuple[dict[int, float], dict[int, float]]:
    """Module -> cosine of the examples and what it says it is about; module -> cosine of the mean example and the likest of
    its sample rows. Both the likest first, and empty without a sentence model."""
    if not ModuleVector.objects.exists():
        return {}, {}
    model = embedder()
    if model is None:
        return {}, {}
    vectors = model.embed_rows(examples)
    about = CosineDistance("vector__about", model.embed_task(examples, vectors))
    sample = CosineDistance("row", normalised(vectors.mean(axis=0)))
    near = rows.filter(vector__isnull=False).annotate(distance=about).order_by("distance")
    samples = SampleVector.objects.filter(module__in=rows).annotate(distance=sample).order_by("distance")
    with transaction.atomic(), connection.cursor() as cursor:
        # The index looks on until enough modules of this base model that the user may see are found (pgvector >= 0.8).
        cursor.execute(f"SET LOCAL hnsw.ef_search = {DEPTH}")
        cursor.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
        found = list(near.values_list("pk", "distance")[:DEPTH])
        found_rows = list(samples.values_list("module_id", "distance")[:DEPTH])
    return _nearest(found), _nearest(found_rows)


def _nearest(found: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Module -> the largest of its cosines, the largest first."""
    cosines: dict[int, float] = {}
    for pk, distance in sorted(found, key=lambda row: (row[1], row[0])):
        cosines.setdefault(pk, 1 - float(distance))
    return cosines


def _by_words(rows: ModuleQuerySet, words: Sequence[str]) -> list[int]:
    """The modules whose name, task, summary, tags or card share words with the examples, the best first."""
    if not words:
        return []
    query = SearchQuery(" | ".join(f"{word}:*" for word in words), config=CONFIG, search_type="raw")
    relevance = Coalesce(SearchRank(F("search_vector"), query), Value(0.0)) + 0.2 * TrigramWordSimilarity(
        " ".join(words[:6]), F("search_text")
    )
    matching = rows.filter(search_vector=query).annotate(relevance=relevance)
    return list(matching.order_by("-relevance", "-downloads", "pk").values_list("pk", flat=True)[:DEPTH])


def _without_copies(pks: Sequence[int]) -> list[int]:
    """The modules without those that add what one before them adds: the same bytes, or nearly the same update."""
    files = File.objects.filter(
        path__in=(CONFIG_FILE, WEIGHTS), revision__module__in=pks, revision=F("revision__module__head")
    )
    contents: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
    for pk, path, blob in files.values_list("revision__module_id", "path", "blob_id"):
        contents[pk].add((path, blob))
    seen: set[frozenset[tuple[str, int]]] = set()
    kept = []
    for pk in pks:
        content = frozenset(contents[pk])
        if content and content in seen:
            continue
        seen.add(content)
        kept.append(pk)
    heads = dict(Module.objects.filter(pk__in=kept).values_list("pk", "head_id"))
    sketches = sketches_of(list(heads.values()))
    return [kept[i] for i in first_of_each([sketches.get(heads[pk]) for pk in kept])]


def telling_words(examples: Sequence[Example]) -> list[str]:
    """The words that most examples share (an instruction repeats), then the others; letters only, at most 24."""
    counts: Counter[str] = Counter()
    for example in examples:
        text = plain(f"{example.input[:4000]} {example.output[:1000]}")
        counts.update(dict.fromkeys(re.findall(r"[^\W\d_]{3,30}", text), 1))
    return [word for word, _ in counts.most_common(MAX_WORDS)]
