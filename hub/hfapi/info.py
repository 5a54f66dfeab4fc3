"""GET /api/models/{id}[/revision/{rev}]: one repository; and who may read or change it."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from hub.hfapi.endpoint import endpoint
from hub.hfapi.formats import asked, date, is_true, warn
from hub.hfapi.repos import MAIN, BaseRepo, Entry, ModuleRepo, Repo, Snapshot, find_own, find_repo
from hub.registry.models import BaseModel, Module
from hub.registry.services import require_download

ALWAYS = ("_id", "id", "modelId", "sha")


@endpoint("GET")
def info(request: HttpRequest, kind: str, owner: str, name: str = "", rev: str = MAIN) -> JsonResponse:
    repo = find_repo(request, kind, f"{owner}/{name}" if name else owner)
    snapshot = repo.snapshot(rev)
    body = _body(repo, snapshot, blobs=is_true(request.GET.get("blobs")))
    if is_true(request.GET.get("securityStatus")):
        body["securityRepoStatus"] = {"scansDone": True, "filesWithIssues": []}
    if expand := asked(request, "expand"):
        body = {key: body.get(key) for key in (*ALWAYS, *expand)}
    response = JsonResponse(body)
    warn(response, snapshot.warning)
    return response


@endpoint("GET")
def auth_check(request: HttpRequest, kind: str, owner: str, name: str, write: bool = False) -> HttpResponse:
    if write:
        find_own(request, kind, f"{owner}/{name}")
    else:
        repo = find_repo(request, kind, f"{owner}/{name}")
        if isinstance(repo, ModuleRepo):
            require_download(request.user, repo.module)
    return HttpResponse()


def _body(repo: Repo, snapshot: Snapshot, *, blobs: bool) -> dict[str, Any]:
    facts = (
        _base_facts(repo.base_model) if isinstance(repo, BaseRepo) else _module_facts(repo.module, snapshot)
    )
    return facts | {
        "_id": snapshot.commit[:24],
        "id": repo.repo_id,
        "modelId": repo.repo_id,
        "sha": snapshot.commit,
        "disabled": False,
        "likes": 0 if isinstance(repo, BaseRepo) else repo.module.likes,
        "trendingScore": 0,
        "usedStorage": sum(entry.size for entry in snapshot.entries),
        "siblings": [sibling(entry, blobs) for entry in snapshot.entries],
    }


def sibling(entry: Entry, blobs: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": entry.path}
    if blobs:
        found |= {"size": entry.size, "blobId": entry.git_sha1}
        if entry.is_lfs:
            found["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": pointer_size(entry)}
    return found


def pointer_size(entry: Entry) -> int:
    """Bytes of the Git LFS pointer that would stand for the file."""
    return len(f"version https://git-lfs.github.com/spec/v1\noid sha256:{entry.sha256}\nsize {entry.size}\n")


def module_tags(row: dict[str, Any]) -> list[str]:
    """The tags of a module as Hugging Face writes them. row: with the names of lists.COLUMNS."""
    peft_type, base = row["peft_type"], row["base_model"]
    found = ["peft", "safetensors"] if peft_type else []
    found += [peft_type.lower()] if peft_type else []
    found += [*row["tags"], *row["languages"]]
    found += [f"base_model:{base}", f"base_model:adapter:{base}"] if base else []
    found += [f"dataset:{row['dataset']}"] if row["dataset"] else []
    found += [f"license:{row['license']}"] if row["license"] else []
    return list(dict.fromkeys(found))


def _module_facts(module: Module, snapshot: Snapshot) -> dict[str, Any]:
    revision = snapshot.revision
    assert revision is not None
    base = module.base_model_name
    facts = {
        "peft_type": revision.peft_type,
        "base_model": base,
        "tags": module.tags,
        "languages": module.languages,
        "dataset": module.dataset,
        "license": module.license,
    }
    card = {
        "base_model": base,
        "library_name": "peft",
        "license": module.license,
        "language": module.languages,
        "datasets": [module.dataset] if module.dataset else [],
        "tags": module.tags,
        "pipeline_tag": module.task,
    }
    found: dict[str, Any] = {
        "author": module.namespace.name,
        "private": module.is_private,
        "gated": module.gate or False,
        "lastModified": date(revision.created_at),
        "createdAt": date(module.created_at),
        "downloads": module.downloads,
        "downloadsAllTime": module.downloads,
        "tags": module_tags(facts),
        "library_name": "peft" if revision.is_complete else None,
        "pipeline_tag": module.task or None,
        "cardData": {key: value for key, value in card.items() if value},
        "config": {"peft": {"base_model_name_or_path": base}} if base else {},
        "baseModels": {"relation": "adapter", "models": [{"id": base}]} if base else None,
    }
    if revision.is_complete:
        found["safetensors"] = {
            "parameters": revision.parameters_by_dtype or {revision.dtype: revision.parameters},
            "total": revision.parameters,
        }
    return found


def _base_facts(base_model: BaseModel) -> dict[str, Any]:
    return {
        "author": base_model.model_id.rpartition("/")[0],
        "private": False,
        "gated": False,
        "lastModified": date(base_model.created_at),
        "createdAt": date(base_model.created_at),
        "downloads": 0,
        "downloadsAllTime": 0,
        "tags": ["transformers", "safetensors", "base-model"],
        "library_name": "transformers",
        "pipeline_tag": None,
        "cardData": {},
        "config": {},
        "safetensors": {"parameters": {}, "total": base_model.parameters},
        "childrenModelCount": {
            "adapter": base_model.modules.filter(deleted_at=None, is_private=False).count()
        },
    }
