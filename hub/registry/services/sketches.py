"""What revisions add to their base model, as sketches in the database: copies and neighbours are known by them.

Sketches are made in a worker or by a command, for they need torch; they are read without it.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from pgvector.django import CosineDistance

from composer.errors import ComposerError
from composer.same_update import are_same
from hub.registry.models import Module, Revision, Sketch
from hub.registry.services.materialize import materialize
from hub.registry.storage import FileCorrupt

NEIGHBOURS = 5
NEAR = 0.3  # the least cosine of a neighbour; unrelated updates have one within about 0.1 of zero

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A module whose update points the same way. is_same: as far as a sketch can tell, the update is the same one."""

    module: Module
    cosine: float
    is_same: bool


def without_sketch() -> Any:
    """The newest revisions of composable modules that still need a sketch."""
    heads = Module.objects.filter(deleted_at=None, head__composable=True, head__sketch=None)
    return Revision.objects.filter(pk__in=heads.values("head"))


def fill_sketches(*, seconds: float = float("inf")) -> int:
    """How many missing sketches were made. Stops after `seconds`; any number of processes may do it at once."""
    made, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with transaction.atomic():
            waiting = without_sketch().select_for_update(of=("self",), skip_locked=True)
            revision = waiting.select_related("module__namespace").order_by("pk").first()
            if revision is None:
                break
            vector = _sketch(revision)
            length = 0.0 if vector is None else float(np.linalg.norm(vector))
            known = vector is not None and 0 < length < np.inf
            Sketch.objects.update_or_create(
                revision=revision,
                defaults={
                    "direction": vector / length if vector is not None and known else None,
                    "length": length if known else 0.0,
                },
            )
            made += 1
    return made


def sketches_of(revisions: Sequence[int]) -> dict[int, NDArray[np.float32]]:
    """Revision -> its sketch [256]; without those that have none."""
    rows = Sketch.objects.filter(revision__in=revisions, direction__isnull=False)
    return {
        pk: np.float32(length) * np.asarray(direction, dtype=np.float32)
        for pk, direction, length in rows.values_list("pk", "direction", "length")
    }


def neighbours_of(revision: Revision, user: Any) -> list[Neighbour]:
    """The modules of the same base model that the user may see and that add most nearly the same, the nearest first."""
    own = Sketch.objects.filter(revision=revision, direction__isnull=False).first()
    module = revision.module
    if own is None or module.base_model_id is None:
        return []
    rows = Module.objects.visible_to(user).filter(base_model=module.base_model_id).exclude(pk=module.pk)
    distance = CosineDistance("head__sketch__direction", own.direction)
    near = rows.filter(head__sketch__direction__isnull=False).annotate(distance=distance)
    found = near.select_related("namespace", "head__sketch").order_by("distance")[:NEIGHBOURS]
    return [
        Neighbour(other, 1 - other.distance, are_same(_whole(own), _whole(other.head.sketch)))  # type: ignore[union-attr]
        for other in found
        if 1 - other.distance >= NEAR
    ]


def _whole(sketch: Sketch) -> NDArray[np.float32]:
    return np.float32(sketch.length) * np.asarray(sketch.direction, dtype=np.float32)


def _sketch(revision: Revision) -> NDArray[np.float32] | None:
    from composer.adapters import load_adapter  # loads torch: worker and commands only
    from composer.sketch import sketch_adapter

    try:
        return sketch_adapter(load_adapter(materialize(revision)))
    except (ComposerError, FileCorrupt) as error:
        log.warning("%s has no sketch: %s", revision, error)
        return None
