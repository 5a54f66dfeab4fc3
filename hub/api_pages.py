"""Lists in pages: `?limit=50`, then the `next` link of each answer, until it is null.

A cursor says behind which row a page begins, so rows that come and go meanwhile neither repeat others nor hide them. Where
the order is a rank that the database works out (relevance), there is no such row and the cursor counts rows instead.
`?page=2` works too; its links are cursors.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

LIMIT = 30
MOST = 100  # rows of a page
MOST_COUNTED = 10_000
MOST_SKIPPED = 1_000_000  # rows before a page that is told by its number


@dataclass(frozen=True, slots=True)
class Cursor:
    """values: the order's columns of the row behind (backward: before) which the page lies; else so many rows are skipped."""

    values: list[Any] | None = None
    skipped: int = 0
    backward: bool = False

    def to_text(self) -> str:
        plain = json.dumps([self.values, self.skipped, self.backward], separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> "Cursor":
        """Raises NotFound."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            values, skipped, backward = json.loads(plain)
        except (ValueError, TypeError, binascii.Error, RecursionError) as error:
            raise NotFound("This cursor is not one of ours.") from error
        known = (values is None or isinstance(values, list)) and type(skipped) is int
        if not known or not 0 <= skipped <= MOST_SKIPPED or not isinstance(backward, bool):
            raise NotFound("This cursor is not one of ours.")
        return cls(values, skipped, backward)


class Pages(BasePagination):
    """The paginator of every list. Its rows: a queryset in a total order (pk is added to it), or a list."""

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any]:
        self.request = request
        asked = request.query_params
        self.limit = _limit(asked.get("limit") or asked.get("page_size") or "")
        self.count = _count(queryset)
        cursor = Cursor.from_text(asked["cursor"]) if asked.get("cursor") else Cursor()
        if not asked.get("cursor") and asked.get("page"):
            cursor = Cursor(skipped=(_page(asked["page"]) - 1) * self.limit)
            if cursor.skipped and cursor.skipped >= self.count:
                raise NotFound("There are not so many pages.")
        columns = _columns(queryset) if isinstance(queryset, QuerySet) else None
        if cursor.values is not None and (columns is None or len(columns) != len(cursor.values)):
            raise NotFound("This cursor is of another list.")
        if columns is None:
            return self._counted(queryset, cursor.skipped)
        assert isinstance(queryset, QuerySet)
        return self._behind(queryset, columns, cursor)

    def _counted(self, rows: Any, skipped: int) -> list[Any]:
        found = list(rows[skipped : skipped + self.limit + 1])
        more = len(found) > self.limit
        self.next = Cursor(skipped=skipped + self.limit) if more else None
        self.previous = Cursor(skipped=max(skipped - self.limit, 0)) if skipped else None
        return found[: self.limit]

    def _behind(self, rows: QuerySet[Any], columns: list[str], cursor: Cursor) -> list[Any]:
        """The rows behind the cursor's; backward: before it, which are behind it in the opposite order."""
        opposite = [column[1:] if column.startswith("-") else f"-{column}" for column in columns]
        order = opposite if cursor.backward else columns
        if cursor.values is not None:
            rows = rows.filter(_condition(rows, order, cursor.values))
        found = list(rows.order_by(*order)[cursor.skipped : cursor.skipped + self.limit + 1])
        more = len(found) > self.limit
        found = found[: self.limit]
        if cursor.backward:
            found.reverse()
        there = bool(found)
        ahead = there and (cursor.backward or more)
        before = there and (more if cursor.backward else cursor != Cursor())
        self.next = Cursor(_values(found[-1], columns)) if ahead else None
        self.previous = Cursor(_values(found[0], columns), backward=True) if before else None
        return found

    def get_paginated_response(self, data: Any) -> Response:
        body = {"count": self.count, "next": self._link(self.next), "previous": self._link(self.previous)}
        return Response(body | {"results": data})

    def _link(self, cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        address = remove_query_param(self.request.build_absolute_uri(), "page")
        return str(replace_query_param(address, "cursor", cursor.to_text()))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": MOST_COUNTED,
                    "description": f"Of all pages; {MOST_COUNTED} stands for that many or more.",
                },
                "next": link | {"description": "The next page; null on the last one."},
                "previous": link | {"description": "The page before; null on the first one."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        asked: list[tuple[str, dict[str, Any], str]] = [
            (
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
                "Rows of a page.",
            ),
            ("cursor", {"type": "string"}, "Where the page begins; from next or previous."),
            ("page", {"type": "integer", "minimum": 1}, "A page by its number; a cursor is better."),
            ("page_size", {"type": "integer", "minimum": 1, "maximum": MOST}, "The same as limit."),
        ]
        return [
            {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
            for name, schema, text in asked
        ]


def _limit(text: str) -> int:
    return (
        min(int(text), MOST) if text.isascii() and text.isdecimal() and len(text) < 9 and int(text) else LIMIT
    )


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= MOST_SKIPPED // MOST):
        raise NotFound("Invalid page.")
    return int(text)


def _count(rows: Any) -> int:
    if not isinstance(rows, QuerySet):
        return min(len(rows), MOST_COUNTED)
    return rows.order_by()[:MOST_COUNTED].count()


def _columns(rows: QuerySet[Any]) -> list[str] | None:
    """The columns of the rows' order, pk last; None if it has more than columns that are never null."""
    order = list(rows.query.order_by or (rows.model._meta.ordering if rows.query.default_ordering else ()))
    if not all(isinstance(column, str) and column not in rows.query.annotations for column in order):
        return None
    try:
        if any(_field(rows, column.lstrip("-")).null for column in order):
            return None
    except FieldDoesNotExist:
        return None
    if not any(column.lstrip("-") in ("pk", "id") for column in order):
        order.append("-pk" if order and order[0].startswith("-") else "pk")
    return order


def _field(rows: QuerySet[Any], column: str) -> Any:
    """The field at the end of `user__username`."""
    model: Any = rows.model
    *way, last = column.split("__")
    for name in way:
        relation = model._meta.get_field(name)
        if not relation.concrete:
            raise FieldDoesNotExist(f"{name} leads to many rows")
        model = relation.related_model
    return model._meta.pk if last == "pk" else model._meta.get_field(last)


def _condition(rows: QuerySet[Any], order: list[str], values: list[Any]) -> Q:
    """Behind these values in the order: a later first column, or the same and a later second one, and so on."""
    behind, same = Q(pk__in=[]), Q()
    for column, value in zip(order, values, strict=True):
        name = column.lstrip("-")
        try:
            if isinstance(value, str) and "\0" in value:
                raise NotFound("This cursor is of another list.")
            value = _field(rows, name).to_python(value)
        except (ValidationError, TypeError, ValueError, OverflowError) as error:
            raise NotFound("This cursor is of another list.") from error
        if value is None or isinstance(value, float) or (type(value) is int and abs(value) >= 2**63):
            raise NotFound("This cursor is of another list.")
        behind |= same & Q(**{f"{name}__{'lt' if column.startswith('-') else 'gt'}": value})
        same &= Q(**{name: value})
    return behind


def _values(row: Any, columns: list[str]) -> list[Any]:
    values = []
    for column in columns:
        name = column.lstrip("-")
        value = row[name] if isinstance(row, dict) else _attribute(row, name)
        values.append(value.isoformat() if isinstance(value, datetime) else value)
    return values


def _attribute(row: Any, name: str) -> Any:
    for part in name.split("__"):
        row = getattr(row, part)
    return row
