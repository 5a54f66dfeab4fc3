"""What modules are about, as vectors in the database. Made in a worker, or by a command; never while a page waits."""

import logging
import re
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction

from composer.embed import Embedder, load_embedder
from composer.errors import ComposerError
from composer.examples import Example
from hub.registry import embedding_model
from hub.registry.models import Module, ModuleQuerySet, ModuleVector, SampleVector

log = logging.getLogger(__name__)

MOST_CARD = 300  # characters of the card's first paragraph


def embedder() -> Embedder | None:
    """The hub's sentence model, or None on a hub without a usable one; why not is logged once per process."""
    folder = embedding_model.folder_in(settings.HUB_DATA)
    try:
        stats = [(folder / name).stat() for name in embedding_model.FILES]
    except OSError:
        return None
    return _load(folder, tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))


@lru_cache(maxsize=1)
def _load(folder: Path, stamp: tuple[tuple[int, int], ...]) -> Embedder | None:
    """The sentence model, or None if it cannot be read; tried once for these files."""
    try:
        return load_embedder(folder)
    except ComposerError as error:
        log.error("modules are found by words alone: the sentence model is not usable: %s", error)
        return None


def sentence_model_state() -> str:
    """ "ok", "missing" or "unusable": what the hub says of its sentence model."""
    if not embedding_model.is_prepared(settings.HUB_DATA):
        return "missing"
    return "ok" if embedder() is not None else "unusable"


def without_vector() -> ModuleQuerySet:
    """The modules that still need a vector."""
    return Module.objects.filter(vector=None, head__isnull=False, deleted_at=None)


def fill_vectors(*, seconds: float = float("inf")) -> int:
    """How many missing vectors were made. Stops after `seconds`; any number of processes may do it at once.

    A module stays locked while its vector is made (some 40 ms), so that the vector fits what the module says.
    """
    model = embedder()
    made, end = 0, time.monotonic() + seconds
    while model is not None and time.monotonic() < end:
        with transaction.atomic():
            waiting = without_vector().select_for_update(of=("self",), skip_locked=True)
            module = waiting.select_related("head").order_by("pk").first()
            if module is None:
                break
            [vector] = model.embed([about(module)])
            ModuleVector.objects.update_or_create(module=module, defaults={"about": vector})
            SampleVector.objects.filter(module=module).delete()
            rows = model.embed_rows([Example(**row) for row in module.samples])
            SampleVector.objects.bulk_create(SampleVector(module=module, row=row) for row in rows)
            made += 1
    return made


def about(module: Module) -> str:
    """What the module says it does, in words."""
    template = module.prompt_template.replace("{input}", " ").replace("{output}", " ")
    paragraph = first_paragraph(module.head.card if module.head else "")
    parts = [
        re.sub(r"[-_.]+", " ", module.name),
        module.summary,
        module.task.replace("_", " ").replace("-", " "),
        ", ".join(module.tags),
        re.sub(r"\b[QA]:", " ", template),
        "" if paragraph in module.summary else paragraph,
    ]
    words = (" ".join(part.split()) for part in parts)
    return ". ".join(word.rstrip(".") for word in words if word)


def first_paragraph(card: str) -> str:
    """The first lines of a card that are no heading, picture, table or code."""
    for block in re.split(r"\n\s*\n", card[:20_000]):
        text = " ".join(line for line in block.splitlines() if not re.match(r"\s*([#!<|>`\[-]|\*\s)", line))
        if text.strip():
            return text.strip()[:MOST_CARD]
    return ""
