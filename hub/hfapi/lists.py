"""GET /api/models: find modules. Words are looked for as on the site; filters must all fit."""

import re
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, JsonResponse

from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.formats import asked, date, is_true, number, page
from hub.hfapi.info import ALWAYS, module_tags
from hub.registry import search as finder
from hub.registry.models import File, ModuleQuerySet

PAGE, MOST = 100, 1000
FAR = 10_000_000  # rows
COLUMNS = {
    "pk": "pk",
    "owner": "namespace__name",
    "name": "name",
    "private": "is_private",
    "gate": "gate",
    "base_model": "base_model_label",
    "task": "task",
    "tags": "tags",
    "languages": "languages",
    "dataset": "dataset",
    "license": "license",
    "downloads": "downloads",
    "likes": "likes",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "head": "head_id",
    "sha": "head__commit",
    "peft_type": "head__peft_type",
    "dtype": "head__dtype",
    "parameters": "head__parameters",
}
ORDER = {
    "lastmodified": "updated_at",
    "createdat": "created_at",
    "downloads": "downloads",
    "likes": "likes",
    "trendingscore": "downloads",
}
UNITS = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
SHORT = (
    "_id",
    "id",
    "modelId",
    "likes",
    "private",
    "downloads",
    "tags",
    "library_name",
    "pipeline_tag",
    "createdAt",
)
FULL = ("author", "sha", "gated", "disabled", "lastModified", "trendingScore", "siblings")
LIBRARIES = ("peft", "safetensors", "transformers", "region:us")  # of every module here


@endpoint("GET")
def models(request: HttpRequest) -> JsonResponse:
    start = number(request, "cursor", 0, FAR)
    size = number(request, "limit", PAGE, MOST) or PAGE
    query = request.GET
    text = query.get("search", "").replace("\0", " ").strip()[:200]
    author = query.get("author", "").replace("\0", "")[:96]
    column = ORDER.get(query.get("sort", "").replace("_", "").lower())
    order = "relevance" if text and column is None else "newest"
    search = finder.Search(text, {}, order, author)
    found = finder.Finder(search, request.user, within=lambda rows: _filtered(rows, request))
    rows = _ordered(found.rows(), column, query.get("direction", ""))
    values = [
        dict(zip(COLUMNS, row, strict=True))
        for row in rows.values_list(*COLUMNS.values())[start : start + size + 1]
    ]
    full = is_true(query.get("full"))
    expand = asked(request, "expand")
    files = _files([value["head"] for value in values]) if full or "siblings" in expand else {}
    return page(
        request, [_item(value, files.get(value["head"], []), expand, full) for value in values], start, size
    )


@endpoint("GET")
def others(request: HttpRequest, kind: str) -> JsonResponse:
    """Datasets, spaces and kernels: this hub has none."""
    return JsonResponse([], safe=False)


@endpoint("GET")
def tags_by_type(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


def _ordered(rows: ModuleQuerySet, column: str | None, direction: str) -> ModuleQuerySet:
    if column is None:
        return rows
    return rows.order_by(column, "pk") if direction == "1" else rows.order_by(f"-{column}", "-pk")


def _filtered(rows: ModuleQuerySet, request: HttpRequest) -> ModuleQuerySet:
    wanted = [part.strip() for value in asked(request, "filter") for part in value.split(",")]
    for value in [*wanted, *asked(request, "pipeline_tag"), *asked(request, "library")]:
        if value and value not in LIBRARIES:
            rows = rows.filter(_fits(value.replace("\0", "")[:200]))
    if gated := request.GET.get("gated"):
        rows = rows.exclude(gate="") if is_true(gated) else rows.filter(gate="")
    if any(request.GET.get(name) for name in ("inference", "inference_provider", "apps")):
        return rows.none()  # nothing here is served by an inference provider
    for part in request.GET.get("num_parameters", "").split(","):
        match = re.fullmatch(
            r"(min|max):(\d{1,9}(?:\.\d{1,6})?)([KMBT]?)", part.strip(), re.ASCII | re.IGNORECASE
        )
        if match:
            most = int(float(match[2]) * UNITS[match[3].upper()])
            rows = rows.filter(**{f"head__parameters__{'gte' if match[1].lower() == 'min' else 'lte'}": most})
        elif part:
            raise HubError("bad_parameter", "num_parameters is written like min:6B,max:128B.")
    return rows


def _fits(value: str) -> Q:
    """A filter as Hugging Face writes it: `license:mit`, `base_model:owner/name`, `dataset:x`, or a word."""
    kind, _, rest = value.partition(":")
    if kind == "license":
        return Q(license__iexact=rest)
    if kind == "dataset":
        return Q(dataset__iexact=rest)
    if kind == "base_model":
        return Q(base_model_label__iexact=rest.removeprefix("adapter:"))
    return (
        Q(tags__contains=[value])
        | Q(task=value)
        | Q(languages__contains=[value])
        | Q(head__peft_type__iexact=value)
    )


def _files(revisions: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for revision, path in File.objects.filter(revision__in=revisions).values_list("revision_id", "path"):
        found.setdefault(revision, []).append(path)
    return found


def _item(row: dict[str, Any], files: list[str], expand: list[str], full: bool) -> dict[str, Any]:
    repo_id = f"{row['owner']}/{row['name']}"
    body: dict[str, Any] = {
        "_id": row["sha"][:24],
        "id": repo_id,
        "modelId": repo_id,
        "author": row["owner"],
        "sha": row["sha"],
        "private": row["private"],
        "gated": row["gate"] or False,
        "disabled": False,
        "createdAt": date(row["created_at"]),
        "lastModified": date(row["updated_at"]),
        "downloads": row["downloads"],
        "downloadsAllTime": row["downloads"],
        "likes": row["likes"],
        "trendingScore": 0,
        "tags": module_tags(row),
        "library_name": "peft",
        "pipeline_tag": row["task"] or None,
        "safetensors": {"parameters": {row["dtype"]: row["parameters"]}, "total": row["parameters"]},
        "baseModels": {"relation": "adapter", "models": [{"id": row["base_model"]}]}
        if row["base_model"]
        else None,
    }
    if full or "siblings" in expand:
        body["siblings"] = [{"rfilename": path} for path in files]
    wanted = (*ALWAYS, *expand) if expand else (*SHORT, *FULL) if full else SHORT
    return {key: body[key] for key in wanted if key in body}
