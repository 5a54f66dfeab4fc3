"""Which modules may help with these examples, before any of them is run: by text. The composer then tries them."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from composer.examples import Example
from hub.registry.models import BaseModel, Module, Revision
from hub.registry.services.search_index import CONFIG, plain

MAX_CANDIDATES = 64
MAX_WORDS = 24


def candidates_for(base_model: BaseModel, user: Any, examples: Sequence[Example]) -> list[Revision]:
    """Newest revisions of composable modules of this base model that the user may see, at most 64.

    Those whose name, task, summary, tags or card share words with the examples come first; the rest by downloads.
    """
    rows = Module.objects.visible_to(user).filter(base_model=base_model, head__composable=True)
    words = telling_words(examples)
    if words:
        query = SearchQuery(" | ".join(f"{word}:*" for word in words), config=CONFIG, search_type="raw")
        rows = rows.annotate(
            relevance=Coalesce(SearchRank(F("search_vector"), query), Value(0.0))
            + 0.2 * TrigramWordSimilarity(" ".join(words[:6]), F("search_text"))
        ).order_by("-relevance", "-downloads", "pk")
    else:
        rows = rows.order_by("-downloads", "pk")
    modules = rows.select_related("head", "namespace", "base_model")[:MAX_CANDIDATES]
    revisions = []
    for module in modules:
        assert module.head is not None  # visible modules have one
        module.head.module = module
        revisions.append(module.head)
    return revisions


def telling_words(examples: Sequence[Example]) -> list[str]:
    """The words that most examples share (an instruction repeats), then the others; letters only, at most 24."""
    counts: Counter[str] = Counter()
    for example in examples:
        text = plain(f"{example.input[:4000]} {example.output[:1000]}")
        counts.update(dict.fromkeys(re.findall(r"[^\W\d_]{3,30}", text), 1))
    return [word for word, _ in counts.most_common(MAX_WORDS)]
