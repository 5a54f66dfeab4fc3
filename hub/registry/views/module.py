"""The page of one module."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from composer.prompts import PromptFormat
from hub.registry.markdown import render_card
from hub.registry.models import Evaluation, Module, Parent, Revision
from hub.registry.services import RegistryError, find_module, find_revision
from hub.registry.services.downloads import RULE
from hub.registry.services.sketches import neighbours_of
from hub.registry.snippets import ask_snippet, curl_snippet, peft_snippet

MAX_CHILDREN = 24


@dataclass(frozen=True, slots=True)
class Strand:
    """One side of a lineage. module is None where the reader may not see it."""

    module: Module | None
    module_pk: int
    revision: Revision
    weight: float
    share: float  # of the largest weight, 0 to 100


def visible_module(request: HttpRequest, owner: str, name: str, *, drafts: bool = False) -> Module:
    """The module, or 404 for those who may not see it."""
    try:
        return find_module(f"{owner}/{name}", request.user, drafts=drafts)
    except RegistryError as error:
        raise Http404(error.detail) from error


def visible_revision(module: Module, ref: str) -> Revision:
    """The revision that a branch, tag, number or commit names, or 404."""
    try:
        return find_revision(module, ref)
    except RegistryError as error:
        raise Http404(error.detail) from error


@require_safe
def module_page(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    module = visible_module(request, owner, name, drafts=True)
    if (module.namespace.name, module.name) != (owner, name):
        return redirect(module)  # other capitals
    revision = visible_revision(module, request.GET.get("revision", "main"))
    site = f"{request.scheme}://{request.get_host()}"
    if module.is_draft:
        files = revision.files.select_related("blob")
        context = {"module": module, "revision": revision, "files": files, "site": site}
        return render(request, "registry/draft.html", context)
    context = {
        "module": module,
        "revision": revision,
        "is_head": revision.pk == module.head_id,
        "card": render_card(revision.card),
        "files": revision.files.select_related("blob"),
        "revisions": module.revisions.select_related("author")[:50],
        "evaluations": evaluation_rows(revision),
        "parents": parents_of(revision, request.user),
        "children": children_of(module, request.user),
        "neighbours": neighbours_of(revision, request.user),
        "can_write": module.can_write(request.user),
        "can_download": module.can_download(request.user),
        "download_rule": RULE,
        "curl": curl_snippet(module, revision, site),
        "peft": peft_snippet(module, revision),
        "ask": ask_snippet(
            module.base_model.architecture if module.base_model else "causal",
            PromptFormat(module.prompt_template, module.prompt_format == "chat", module.system_prompt),
        )
        if module.prompt_template
        else "",
    }
    return render(request, "registry/module.html", context)


def evaluation_rows(revision: Revision) -> list[dict[str, Any]]:
    """The evaluations, each beside its baseline; losses and perplexities are better when low."""
    rows = []
    for evaluation in revision.evaluations.all():
        baseline = evaluation.details.get("baseline") if isinstance(evaluation.details, dict) else None
        lower = evaluation.metric.lower() in ("loss", "perplexity", "error", "cross_entropy")
        rows.append(
            {
                "row": evaluation,
                "baseline": baseline if isinstance(baseline, int | float) else None,
                "lower_is_better": lower,
                "better": isinstance(baseline, int | float)
                and (evaluation.value < baseline if lower else evaluation.value > baseline),
                "measured": evaluation.source == Evaluation.Source.MEASURED,
            }
        )
    return rows


def parents_of(revision: Revision, user: Any) -> list[Strand]:
    """What the revision was made from, heaviest first; modules the reader may not see are unnamed."""
    parents = Parent.objects.filter(child=revision).select_related("parent__module__namespace")
    return _strands([(row.parent, row.weight) for row in parents.order_by("-weight")], user)


def children_of(module: Module, user: Any) -> list[Strand]:
    """Compositions that the module took part in and that the reader may see, newest first."""
    rows = Parent.objects.filter(parent__module=module, child__module__in=Module.objects.visible_to(user))
    rows = rows.select_related("child__module__namespace").exclude(weight=0).order_by("-child__created_at")
    return _strands([(row.child, row.weight) for row in rows[:MAX_CHILDREN]], user)


def _strands(pairs: list[tuple[Revision, float]], user: Any) -> list[Strand]:
    visible = set(
        Module.objects.visible_to(user)
        .filter(pk__in=[revision.module_id for revision, _ in pairs])
        .values_list("pk", flat=True)
    )
    largest = max((abs(weight) for _, weight in pairs), default=0.0) or 1.0
    return [
        Strand(
            module=revision.module if revision.module_id in visible else None,
            module_pk=revision.module_id,
            revision=revision,
            weight=weight,
            share=round(100 * abs(weight) / largest, 1),
        )
        for revision, weight in pairs
    ]
