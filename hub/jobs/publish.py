"""What a finished composition becomes: files, recipe, card, lineage, evaluations, and the end of its job, all or nothing."""

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from composer.adapters import save_adapter
from composer.compose import Composition
from composer.prompts import PromptFormat
from hub.accounts.models import Namespace
from hub.jobs import card
from hub.jobs.lease import Lease, end, fenced
from hub.jobs.licenses import strictest
from hub.jobs.models import Job, JobModule
from hub.jobs.rights import namespace_to_publish_in
from hub.registry.models import Evaluation, Module, Revision
from hub.registry.services import EvaluationData, ModuleMetadata, is_free, publish_revision

HARM = "worse_than_base"
PRIVATE_PARENT = "private_module"
GATED_PARENT = "gated_module"
LOST_ROLE = "lost_role"
ANSWERS_KEPT = 50  # rows whose answers stay with the job
MEASURED_ON = {
    "held_out": "Held-out rows of its task",
    "leave_one_out": "Leave-one-out over its examples",
    "examples": "The examples it was composed from",
}
TASK_TYPES = {"seq2seq": "SEQ_2_SEQ_LM"}


def publish_composition(
    lease: Lease, *, job: Job, revisions: Sequence[Revision], composition: Composition
) -> Revision | None:
    """Make the new module and end the job, in one transaction behind the fence; None if the owner cancelled meanwhile.

    A composition that is worse than the base model on the rows measured, or that contains a private or gated module, is made
    private whatever was asked for, and the result says so; likewise, below the owner's own name, if they may not publish any
    more where they wanted to. Raises LeaseLost, PublishError.
    """
    with tempfile.TemporaryDirectory(prefix="composition-") as place, fenced(lease) as locked:
        if locked.cancel_requested_at is not None:
            end(locked, Job.Status.CANCELLED)
            return None
        namespace = namespace_to_publish_in(job)
        _see_who_may_see(revisions)
        name = _free_name(job, namespace)
        result = build_result(job, revisions, composition)
        if namespace.pk != job.namespace_id:
            result["private_because"].append(LOST_ROLE)
        files = _write_files(Path(place), job, name, revisions, composition, result)
        parents = [(r, w) for r, w in zip(revisions, composition.weights, strict=True) if w != 0]
        revision = publish_revision(
            user=job.owner,
            namespace=namespace,
            name=name,
            files=files,
            metadata=_metadata(job, [r for r, _ in parents], composition.prompt),
            message=f"Composed by job {job.pk}",
            private=job.private or bool(result["private_because"]),
            parents=parents,
            evaluations=_evaluations(job, result),
        )
        for position, weight in enumerate(composition.weights):
            JobModule.objects.filter(job=job, position=position).update(
                weight=weight, probe_loss=_finite(composition.probes[position])
            )
        end(
            locked,
            Job.Status.SUCCEEDED,
            namespace=namespace,
            output=revision,
            result=result,
            evaluations_done=min(composition.evaluations, job.budget),
            best_loss=_finite(composition.loss),
            stage=Job.Stage.PUBLISH,
        )
    return revision


def _see_who_may_see(revisions: Sequence[Revision]) -> None:
    """Of the modules, as it is now: one may have been made private or gated while the job ran."""
    now = Module.objects.in_bulk([revision.module_id for revision in revisions])
    for revision in revisions:
        module = now[revision.module_id]
        revision.module.is_private, revision.module.gate = module.is_private, module.gate


def build_result(job: Job, revisions: Sequence[Revision], composition: Composition) -> dict[str, Any]:
    """What the page and the API show of a composition, as plain JSON without infinities."""
    arms = [arm.to_json() | {"answers": arm.answers[:ANSWERS_KEPT]} for arm in composition.arms]
    because = []
    if _is_harm(arms, composition.saved):
        because.append(HARM)
    if any(r.module.is_private for r, w in zip(revisions, composition.weights, strict=True) if w != 0):
        because.append(PRIVATE_PARENT)
    if any(r.module.gate for r, w in zip(revisions, composition.weights, strict=True) if w != 0):
        because.append(GATED_PARENT)
    recipe = composition.recipe([{"name": r.module.full_name, "revision": r.commit} for r in revisions])
    plain = {
        "loss": composition.loss,
        "start_loss": composition.start_loss,
        "evaluations": composition.evaluations,
        "selection_evaluations": composition.selection_evaluations,
        "seconds": composition.seconds,
        "method": composition.method,
        "optimizer": composition.optimizer,
        "rank": composition.rank,
        "objective": composition.objective,
        "prompt": asdict(composition.prompt),
        "prompts_tried": composition.prompts_tried,
        "compression_error": composition.compression_error,
        "loss_after_compression": composition.loss_after_compression,
        "held_out": composition.held_out,
        "measured_on": composition.measured_on,
        "validation_evaluations": composition.validation_evaluations,
        "saved": composition.saved,
        "tuning": composition.tuning.to_json() if composition.tuning else None,
        "arms": arms,
        "contributions": [part.to_json() for part in composition.contributions],
        "verdict": composition.verdict,
        "private_because": because,
        "timings": composition.timings,
        "recipe": recipe,
    }
    return {key: _plain(value) for key, value in plain.items()}


def _is_harm(arms: Sequence[Mapping[str, Any]], saved: str) -> bool:
    """Whether the loss of what is saved, on the rows measured, is above the base model's."""
    by_key = {arm["key"]: arm for arm in arms}
    base, composed = by_key.get("base"), by_key.get(saved)
    return bool(base and composed and not composed["loss"] <= base["loss"])


def _free_name(job: Job, namespace: Namespace) -> str:
    """The job's name for its module, or the next free one if somebody took it while the job ran."""
    wanted = job.output_name
    for name in (wanted, f"{wanted[:80]}-{job.pk}"):
        if is_free(namespace, name):
            return name
    return f"{wanted[:70]}-{job.pk}-{job.lease_token}"


def _write_files(
    place: Path,
    job: Job,
    name: str,
    revisions: Sequence[Revision],
    composition: Composition,
    result: Mapping[str, Any],
) -> dict[str, Path]:
    save_adapter(
        composition.adapter,
        place,
        base_model_id=job.base_model.model_id,
        task_type=TASK_TYPES.get(job.base_model.architecture, "CAUSAL_LM"),
    )
    (place / "recipe.json").write_text(
        json.dumps(result["recipe"], indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    text = card.render(job=job, name=name, revisions=revisions, weights=composition.weights, result=result)
    (place / "README.md").write_text(text, encoding="utf-8")
    return {path.name: path for path in sorted(place.iterdir())}


def _metadata(job: Job, used: Sequence[Revision], prompt: PromptFormat) -> ModuleMetadata:
    """What the files cannot say. used: the revisions with a weight; a module that was only tried leaves no trace."""
    modules = [r.module for r in used]
    return ModuleMetadata(
        summary=f"Composed of {_count(len(modules), 'module')} for {_count(len(job.examples), 'example')}",
        task="composition",
        tags=("composition", "lora"),
        languages=tuple(sorted({language for m in modules for language in m.languages}))[:20],
        license=strictest([m.license for m in modules]),
        prompt_template=prompt.template,
        prompt_format="chat" if prompt.chat else "plain",
        system_prompt=prompt.system,
        base_model=job.base_model.model_id,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _evaluations(job: Job, result: Mapping[str, Any]) -> list[EvaluationData]:
    arms = {arm["key"]: arm for arm in result["arms"]}
    composed, base = arms.get(result["saved"]), arms.get("base")
    if composed is None or composed["n"] == 0:
        return []
    name = MEASURED_ON[result["measured_on"]]
    rows = []
    for metric, low, high in (
        ("loss", "loss_low", "loss_high"),
        ("exact_match", "exact_low", "exact_high"),
        ("option_accuracy", "option_low", "option_high"),
    ):
        if composed.get(metric) is None:
            continue
        details = {"job": job.pk, "held_out": result["held_out"], "measured_on": result["measured_on"]}
        if base is not None and base.get(metric) is not None:
            details["baseline"] = base[metric]
        rows.append(
            EvaluationData(
                name=name,
                metric=metric,
                value=composed[metric],
                low=composed.get(low),
                high=composed.get(high),
                n=composed["n"],
                source=Evaluation.Source.MEASURED,
                details=details,
            )
        )
    return rows


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _plain(value: Any) -> Any:
    """The same as PostgreSQL's JSON can hold it: no infinities or NaN, and no NUL, which a model may well answer with."""
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
