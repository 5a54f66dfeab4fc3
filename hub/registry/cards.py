"""Modules as the list shows them: one lean query for a page of cards, one for what they were woven from."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.registry.models import ModuleQuerySet, Parent

COLUMNS = {
    "pk": "pk",
    "owner": "namespace__name",
    "name": "name",
    "summary": "summary",
    "task": "task",
    "base_model": "base_model_label",
    "known_base": "base_model_id",
    "is_private": "is_private",
    "gate": "gate",
    "downloads": "downloads",
    "likes": "likes",
    "created_at": "created_at",
    "head": "head_id",
    "peft_type": "head__peft_type",
    "rank": "head__rank",
    "size": "head__size",
    "composable": "head__composable",
}


@dataclass(frozen=True, slots=True)
class Card:
    """One module of the list. strands: (module id, weight) that its thread edge is drawn from."""

    pk: int
    owner: str
    name: str
    summary: str
    task: str
    base_model: str
    known_base: int | None
    is_private: bool
    gate: str
    downloads: int
    likes: int
    created_at: datetime
    head: int
    peft_type: str
    rank: int
    size: int
    composable: bool
    strands: tuple[tuple[int, float], ...]

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def base_model_short(self) -> str:
        return self.base_model.rpartition("/")[2]

    @property
    def can_compose(self) -> bool:
        return self.composable and self.known_base is not None

    @property
    def is_composition(self) -> bool:
        return self.strands[0][0] != self.pk


def lean(rows: ModuleQuerySet) -> Any:
    """Just the columns of a card; the order is that of COLUMNS. Can be sliced by a paginator."""
    return rows.values_list(*COLUMNS.values())


def cards(rows: Iterable[tuple[object, ...]]) -> list[Card]:
    """The cards of a page of lean() rows."""
    values = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    woven: dict[object, list[tuple[int, float]]] = defaultdict(list)
    parents = Parent.objects.filter(child__in=[value["head"] for value in values]).order_by("-weight")
    for child, module, weight in parents.values_list("child_id", "parent__module_id", "weight"):
        if weight:
            woven[child].append((module, weight))
    return [
        Card(**value, strands=tuple(woven[value["head"]][:6]) or ((value["pk"], 1.0),))  # type: ignore[arg-type]
        for value in values
    ]
