"""Pages: the compose form, my jobs, one job while it runs and after."""

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.models import User
from hub.jobs import charts, sample_tasks, services
from hub.jobs.errors import JobRefused
from hub.jobs.estimate import seconds_for
from hub.jobs.forms import ComposeForm, initial_from_job
from hub.jobs.models import Job
from hub.jobs.progress import JobProgress
from hub.registry.models import BaseModel, Module

MODULES_LISTED = 300
JOBS_A_PAGE = 30


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # by login_required
    return request.user


@never_cache
@login_required
def compose(request: HttpRequest) -> HttpResponse:
    """The form; POST submits it. ?module=owner/name (repeated) picks, ?job=7 repeats, ?example=1 fills in."""
    user = _user(request)
    if request.method != "POST":
        form = ComposeForm(user=user, initial=_initial(request))
        return render(request, "jobs/compose.html", _form_context(form))
    form = ComposeForm(request.POST, request.FILES, user=user)
    if form.is_valid() and form.compose_request is not None:
        try:
            submitted = services.submit_job(
                owner=user, request=form.compose_request, idempotency_key=form.idempotency_key
            )
        except JobRefused as refused:  # somebody was faster, or there are too many
            form.refuse(refused)
        else:
            return redirect(submitted.job)
    form.keep_files()
    return render(request, "jobs/compose.html", _form_context(form), status=400)


@require_POST
@login_required
def check(request: HttpRequest) -> HttpResponse:
    """The same form, judged without being submitted: what would be run, or what has to change."""
    form = ComposeForm(request.POST, request.FILES, user=_user(request))
    valid = form.is_valid()
    context: dict[str, Any] = {"form": form, "valid": valid, "request_": form.compose_request}
    if valid and form.compose_request is not None:
        context["seconds"] = seconds_for(form.compose_request)
        context["waiting"] = Job.objects.unfinished().count()
    return render(request, "jobs/_check.html", context)


@never_cache
@login_required
@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    page = Paginator(_mine(request), JOBS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "jobs/list.html", {"page": page, "jobs": [JobProgress(job) for job in page]})


@never_cache
@login_required
@require_safe
def detail(request: HttpRequest, job_id: int) -> HttpResponse:
    return render(request, "jobs/detail.html", _job_context(get_object_or_404(_mine(request), pk=job_id)))


@never_cache
@login_required
@require_safe
def live(request: HttpRequest, job_id: int) -> HttpResponse:
    """The part of the page that changes: the same template that the page includes, and the badge above it."""
    job = get_object_or_404(_mine(request), pk=job_id)
    response = render(request, "jobs/_live.html", _job_context(job) | {"polled": True})
    if job.is_finished:
        response["HX-Refresh"] = "true"  # the whole page, its title and its actions included
    return response


@require_POST
@login_required
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    job = services.cancel_job(get_object_or_404(_mine(request), pk=job_id))
    if job.is_finished and job.status != Job.Status.CANCELLED:
        messages.info(request, "The job had already ended.")
    return redirect(job)


def _mine(request: HttpRequest) -> QuerySet[Job]:
    return Job.objects.visible_to(request.user).select_related(
        "base_model", "namespace", "output__module__namespace"
    )


def _initial(request: HttpRequest) -> dict[str, Any]:
    initial: dict[str, Any] = {"key": secrets.token_urlsafe(12)}
    if default := BaseModel.objects.first():
        initial["base_model"] = default.model_id
    if request.GET.get("job", "").isdecimal():
        job = _mine(request).filter(pk=int(request.GET["job"][:18])).first()
        if job is not None:
            initial |= initial_from_job(job, use=request.GET.get("use", ""))
    if "example" in request.GET:
        initial |= sample_tasks.task(request.GET["example"])
    names = [name for name in request.GET.getlist("module") if name]
    if names:
        initial |= {"choose": "picked", "modules": names}
        first = _modules(request.user).filter(name__iexact=names[0].partition("/")[2]).first()
        if first is not None and first.base_model is not None:
            initial["base_model"] = first.base_model.model_id
    return initial


def _modules(user: Any) -> QuerySet[Module]:
    usable = Module.objects.composable_by(user).filter(base_model__isnull=False)
    return usable.select_related("namespace", "base_model", "head").order_by("-downloads", "name")


def _form_context(form: ComposeForm) -> dict[str, Any]:
    picked = {name.partition("@")[0].lower(): name for name in form.picked}
    listed = list(_modules(form.user)[:MODULES_LISTED])
    missing = picked.keys() - {module.full_name.lower() for module in listed}
    rows = [(module, module.full_name.lower() in picked) for module in listed]
    rows.sort(key=lambda row: not row[1])
    return {
        "form": form,
        "modules": rows,
        "unlisted": [picked[name] for name in sorted(missing)],
        "has_more": len(listed) == MODULES_LISTED,
        "base_models": BaseModel.objects.all(),
        "ours": sample_tasks.TASKS,
    }


def _job_context(job: Job) -> dict[str, Any]:
    state = JobProgress(job)
    result = job.result or {}
    arms = result.get("arms", [])
    by_key = {arm["key"]: arm for arm in arms}
    verdict = result.get("verdict", {})
    return {
        "job": job,
        "state": state,
        "curve": charts.curve(state.generations, job.budget),
        "weave": charts.weave(state.shares),
        "result": result,
        "arm_rows": [
            {"loss": loss, "match": match}
            for loss, match in zip(
                charts.arm_bars(arms, "loss"), charts.arm_bars(arms, "exact_match"), strict=True
            )
        ],
        "headline": _headline(verdict),
        "mine": by_key.get(verdict.get("mine", "composition")),
        "recommended": by_key.get(verdict.get("recommended", "composition")),
        "best_single": _best_single(state, arms),
        "contributions": charts.contribution_bars(_contributions(state, result)),
        "in_context_prompt": in_context_prompt(job)
        if "in_context" in by_key and job.prompt_format == "plain"
        else "",
        "by_key": by_key,
        "samples": _samples(arms, verdict.get("mine", "composition")),
    }


def _headline(verdict: dict[str, Any]) -> str:
    """The verdict in one line; its figures follow in verdict["text"]."""
    if not verdict.get("beats_base"):
        return "No gain over the base model"
    better = (
        "Better than the base model"
        if verdict.get("sure_base")
        else "Perhaps a little better than the base model"
    )
    if "beats_best_single" not in verdict:
        return better
    if verdict.get("sure_best_single"):
        return f"{better}, and than the best single module"
    return f"{better}, {'level with' if verdict['beats_best_single'] else 'not than'} the best single module"


def _best_single(state: JobProgress, arms: list[dict[str, Any]]) -> Module | None:
    """The module that was best alone on the examples."""
    weights: list[float] = next((arm["weights"] for arm in arms if arm["key"] == "best_single"), [])
    best = [row.revision.module for row, weight in zip(state.modules, weights, strict=False) if weight]
    return best[0] if best else None


def _contributions(state: JobProgress, result: dict[str, Any]) -> list[dict[str, Any]]:
    """What each module adds, with its row; parts of modules that are gone are left out."""
    rows = dict(enumerate(state.modules))
    return [
        part | {"row": rows[part["module"]]}
        for part in result.get("contributions", [])
        if part["module"] in rows and part["gain"] is not None
    ]


def in_context_prompt(job: Job) -> str:
    """The examples as the composer puts them before a row, with {input} where the row goes."""
    used = (job.result or {}).get("prompt") or {"template": job.prompt_template}
    opening = used["template"].removesuffix("{output}")
    shots = [opening.replace("{input}", row["input"]) + row["output"] for row in job.examples]
    return "\n\n".join([*shots, opening.rstrip()])


def _samples(arms: list[dict[str, Any]], mine: str, most: int = 6) -> list[dict[str, Any]]:
    """Rows with the base model's answer beside that of the result."""
    by_key = {arm["key"]: arm.get("answers") or [] for arm in arms}
    pairs = zip(by_key.get("base", []), by_key.get(mine, []), strict=False)
    rows = [{"input": c["input"], "expected": c["expected"], "base": b, "composition": c} for b, c in pairs]
    return rows[:most]
