"""Modules as JSON. The list reads just its own columns; no model objects are made."""

from typing import Any

from rest_framework.request import Request

from hub.registry.models import Module, ModuleQuerySet, Revision
from hub.registry.views.module import parents_of

COLUMNS = (
    "name",
    "summary",
    "task",
    "tags",
    "languages",
    "license",
    "dataset",
    "downloads",
    "likes",
    "created_at",
    "updated_at",
)
OTHERS = {
    "owner": "namespace__name",
    "private": "is_private",
    "gate": "gate",
    "base_model": "base_model_label",
    "base": "base_model_id",
    "peft_type": "head__peft_type",
    "rank": "head__rank",
    "parameters": "head__parameters",
    "size": "head__size",
    "composable": "head__composable",
    "revision": "head__commit",
}


def lean_items(rows: ModuleQuerySet) -> Any:
    """The columns of a list item, to be sliced by the paginator."""
    return rows.values("pk", *COLUMNS, *OTHERS.values())


def item(row: dict[str, Any], request: Request) -> dict[str, Any]:
    """A list item of a lean_items row."""
    value = {name: row[name] for name in COLUMNS} | {name: row[column] for name, column in OTHERS.items()}
    value["composable"] = value["composable"] and value.pop("base") is not None
    value.pop("base", None)
    value["full_name"] = f"{value['owner']}/{value['name']}"
    value["url"] = request.build_absolute_uri(f"/{value['full_name']}")
    for name in ("created_at", "updated_at"):
        value[name] = value[name].isoformat()
    return value


def detail(module: Module, revision: Revision, request: Request) -> dict[str, Any]:
    """A module with the files, evaluations and parents of the revision."""
    row = lean_items(Module.objects.filter(pk=module.pk)).get()
    return item(row, request) | {
        "revision": revision.commit,
        "peft_type": revision.peft_type,
        "rank": revision.rank,
        "parameters": revision.parameters,
        "size": revision.size,
        "composable": revision.composable and module.base_model_id is not None,
        "prompt_template": module.prompt_template,
        "prompt_format": module.prompt_format,
        "system_prompt": module.system_prompt,
        "samples": module.samples,
        "card": revision.card,
        "alpha": revision.alpha,
        "targets": revision.targets,
        "dtype": revision.dtype,
        "safetensors": {
            "parameters": revision.parameters_by_dtype or {revision.dtype: revision.parameters},
            "total": revision.parameters,
        },
        "not_composable_reason": revision.not_composable_reason,
        "files": files_of(revision, request),
        "revisions": [revision_item(other) for other in module.revisions.select_related("author")[:100]],
        "evaluations": list(
            revision.evaluations.values("name", "metric", "value", "low", "high", "n", "source", "details")
        ),
        "parents": [
            {
                "module": strand.module.full_name if strand.module else None,
                "revision": strand.revision.commit if strand.module else None,
                "weight": strand.weight,
            }
            for strand in parents_of(revision, request.user)
        ],
    }


def revision_item(revision: Revision) -> dict[str, Any]:
    return {
        "commit": revision.commit,
        "number": revision.number,
        "message": revision.message,
        "author": revision.author.username if revision.author else None,
        "created_at": revision.created_at.isoformat(),
        "yanked": revision.yanked_reason if revision.yanked_at else None,
    }


def files_of(revision: Revision, request: Request) -> list[dict[str, Any]]:
    root = request.build_absolute_uri(f"/{revision.module.full_name}/resolve/{revision.commit}/")
    return [
        {"path": file.path, "size": file.blob.size, "sha256": file.blob.sha256, "url": root + file.path}
        for file in revision.files.select_related("blob")
    ]
