"""A job once more: the request that made it, with the revisions it used then."""

from composer.examples import examples_from_rows
from hub.jobs.models import Job
from hub.jobs.preflight import AUTO, ComposeRequest


def request_of(job: Job) -> ComposeRequest:
    rows = job.modules.select_related("revision__module__namespace").order_by("position")
    names = [f"{row.revision.module.full_name}@{row.revision.commit}" for row in rows]
    return ComposeRequest(
        base_model=job.base_model.model_id,
        modules=AUTO if job.auto_select else names,
        examples=examples_from_rows(job.examples),
        holdout=examples_from_rows(job.holdout),
        method=job.method,
        optimizer=job.optimizer,
        budget=job.budget,
        seed=job.seed,
        bound=job.bound,
        penalty=job.penalty,
        rank=job.rank,
        compare=job.compare,
        tune_steps=job.tune_steps,
        layer_groups=job.layer_groups,
        prompt_template=job.prompt_template,
        prompt_format=job.prompt_format,
        system_prompt=job.system_prompt,
        objective=job.objective,
        namespace=job.namespace.name if job.namespace.is_organisation else "",
        private=job.private,
    )
