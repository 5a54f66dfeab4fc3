"""One job from claim to end. The only hub file that runs the composer, and so loads torch: worker only.

Outcomes are mapped here and nowhere else: stopped by its owner -> cancelled; this worker goes away -> handed over; an error
whose text is meant for the user -> failed with that text; anything else -> failed, "internal error", logged.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import InterfaceError, OperationalError

from composer.adapters import Adapter, load_adapter
from composer.base_model import BaseModel as LoadedModel
from composer.checkpoint import Generation
from composer.compose import AdapterSource, ComposeSettings, Composition, Progress, compose
from composer.errors import ComposerError, SearchStopped, SettingsError
from composer.examples import Example, examples_from_rows
from composer.prompts import PromptFormat
from composer.recorded import prompt_of
from hub.jobs import outcome, warm
from hub.jobs.errors import HandOver, JobTimedOut, LeaseLost
from hub.jobs.lease import Heartbeat, Lease, claim
from hub.jobs.models import Job
from hub.jobs.preflight import sentence_of
from hub.jobs.presence import is_stopping
from hub.jobs.publish import publish_composition
from hub.jobs.rights import require_usable
from hub.registry.models import Revision
from hub.registry.services import RegistryError, candidates_for, materialize
from hub.registry.storage import FileCorrupt

INTERNAL_ERROR = "Something went wrong on our side (internal error); your request was fine. It is in the hub's log as job {}."

# The connection or the server, not what was written: a value that it refuses ends the job, or it would be tried for ever.
DATABASE_GONE = (OperationalError, InterfaceError)

log = logging.getLogger(__name__)


def run_job(job_id: int) -> None:
    """Run a job to its end, unless it is not to be run now. Safe to call twice, from any number of workers."""
    lease = None if is_stopping() else claim(job_id)
    if lease is None:
        return
    log.info("job %s: started (lease %s)", job_id, lease.token)
    try:
        with Heartbeat(lease) as heartbeat:
            _run_and_end(lease, heartbeat)
    except LeaseLost as error:
        log.warning("%s", error)
    except DATABASE_GONE as error:
        # Not the job's fault: its lease runs out, and the sweeper sends it again.
        log.error("job %s: the database went away: %s", job_id, error)
    log.info("job %s: left", job_id)


def _run_and_end(lease: Lease, heartbeat: Heartbeat) -> None:
    try:
        _run(lease, heartbeat)
    except (LeaseLost, *DATABASE_GONE):
        raise
    except HandOver:
        outcome.hand_over(lease)  # and the next worker's sweep sends it
    except SystemExit:  # SIGTERM to this very process
        outcome.hand_over(lease)
        raise
    except JobTimedOut as error:
        outcome.fail(lease, code=error.code, error=sentence_of(error))
    except SearchStopped:
        outcome.cancel(lease)
    except (ComposerError, RegistryError) as error:
        outcome.fail(lease, code=error.code, error=sentence_of(error))
    except Exception:
        log.exception("job %s failed", lease.job_id)
        outcome.fail(lease, code="internal_error", error=INTERNAL_ERROR.format(lease.job_id))


def _run(lease: Lease, heartbeat: Heartbeat) -> None:
    job = Job.objects.select_related("base_model", "owner", "namespace").get(pk=lease.job_id)
    watch = _Watch(lease, heartbeat, deadline=time.monotonic() + settings.JOB_SECONDS)
    examples = examples_from_rows(job.examples)
    revisions = _revisions(job, lease, examples, watch)
    outcome.report(lease, stage=Job.Stage.LOAD, message=f"loading {job.base_model.model_id}")
    base = warm.base_model(job.base_model)
    adapters = [_adapter(revision, base) for revision in revisions]

    def run(history: Sequence[Generation]) -> Composition:
        return compose(
            base,
            adapters,
            examples,
            holdout=examples_from_rows(job.holdout),
            settings=_settings(job),
            history=history,
            on_progress=watch,
        )

    try:
        composition = run(_history(job))
    except SettingsError as error:
        if error.code != "other_search":
            raise
        log.warning("job %s: %s; it starts over", job.pk, error)  # the hub was updated in between
        outcome.start_over(lease)
        composition = run([])
    watch.check()
    outcome.report(lease, stage=Job.Stage.PUBLISH)
    publish_composition(lease, job=job, revisions=revisions, composition=composition)


def _revisions(job: Job, lease: Lease, examples: Sequence[Example], watch: "_Watch") -> list[Revision]:
    """The revisions that take part, in their order; chosen now if the job asks for it and nobody has chosen yet."""
    if job.auto_select and not job.modules.exists():
        candidates = candidates_for(job.base_model, job.owner, examples)
        found = [revision for revision in candidates if _is_readable(revision, watch)]
        if not found:
            raise RegistryError(
                "no_modules",
                f"This hub has no module for {job.base_model.model_id} that could be composed yet.",
            )
        outcome.choose_modules(lease, found)
    rows = job.modules.select_related("revision__module__namespace").order_by("position")
    revisions = [row.revision for row in rows]
    require_usable(job.owner, revisions)
    return revisions


def _is_readable(revision: Revision, watch: "_Watch") -> bool:
    """Whether the stored files are whole: a module that nobody picked must not fail a job."""
    watch.check()
    try:
        materialize(revision)
    except FileCorrupt as error:
        log.error("job %s: %s is left out: %s", watch.lease.job_id, revision.module.full_name, error)
        return False
    return True


def _adapter(revision: Revision, base: LoadedModel) -> AdapterSource:
    """The revision's adapter, to be read when it is needed: of 200 candidates only some are ever in memory at once."""
    name = revision.module.full_name

    def load() -> Adapter:
        try:
            folder = materialize(revision)
        except FileCorrupt as error:
            log.error("%s: %s", name, error)
            sentence = (
                f"A stored file of {name} is damaged. Leave this module out; its owner can upload it again."
            )
            raise RegistryError("file_corrupt", sentence) from error
        adapter = load_adapter(folder, name=name, base=base)
        return replace(adapter, prompt=_recorded_prompt(revision) or adapter.prompt)

    return AdapterSource(name, load)


def _recorded_prompt(revision: Revision) -> PromptFormat | None:
    """The format that the module's page names; what its author edits there counts more than its files."""
    module = revision.module
    words = ("prompt_template", "prompt_format", "system_prompt")
    return prompt_of({word: getattr(module, word) for word in words})


def _settings(job: Job) -> ComposeSettings:
    return ComposeSettings(
        method=job.method,
        optimizer=job.optimizer,
        budget=job.budget,
        seed=job.seed,
        bound=job.bound,
        penalty=job.penalty,
        rank=job.rank,
        template=job.prompt_template,
        chat=job.prompt_format == "chat",
        system=job.system_prompt,
        objective=job.objective,
        arms=job.compare,
        tune_steps=job.tune_steps,
        layer_groups=job.layer_groups,
    )


def _history(job: Job) -> list[Generation]:
    """What earlier attempts tried; the search continues from it bit for bit."""
    return [
        Generation(
            index=row.index,
            candidates=row.candidates,
            losses=row.losses,
            objectives=row.objectives,
            candidates_hash=row.candidates_hash,
        )
        for row in job.generations.order_by("index")
    ]


@dataclass(slots=True)
class _Watch:
    """The one callback of a run: stops it if it must stop, and turns its progress into rows."""

    lease: Lease
    heartbeat: Heartbeat
    deadline: float  # of time.monotonic()
    stage: str = ""
    said: str = ""

    def __call__(self, progress: Progress) -> None:
        self.check()
        generation = progress.generation
        if progress.stage != self.stage or (generation is None and progress.message not in ("", self.said)):
            self.stage, self.said = progress.stage, progress.message
            outcome.report(
                self.lease, stage=progress.stage, message=progress.message if generation is None else ""
            )
        if generation is not None:
            outcome.checkpoint(
                self.lease,
                index=generation.index,
                candidates=generation.candidates,
                losses=generation.losses,
                objectives=generation.objectives,
                candidates_hash=generation.candidates_hash,
                best_loss=progress.best_loss,
                best_weights=progress.best_weights or [],
                evaluations=progress.evaluations,
            )

    def check(self) -> None:
        """Raises LeaseLost, HandOver, JobTimedOut, or SearchStopped if the owner cancelled."""
        if self.heartbeat.lost:
            raise LeaseLost(f"job {self.lease.job_id} is no longer ours (token {self.lease.token})")
        if is_stopping():
            raise HandOver(f"job {self.lease.job_id}: this worker stops")
        if self.heartbeat.cancelled:
            raise SearchStopped("cancelled by its owner")
        if time.monotonic() > self.deadline:
            minutes = settings.JOB_SECONDS // 60
            raise JobTimedOut(
                f"the job took longer than {minutes} minutes, the most this hub gives; try a smaller budget"
            )
