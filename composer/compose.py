"""compose(): from a base model, adapters and a few examples to one adapter, compared with what it must beat."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from composer.adapters import Adapter
from composer.alone import AdapterSource
from composer.base_model import BaseModel
from composer.checkpoint import Generation
from composer.composition import Composition, Progress
from composer.examples import Example, examples_hash
from composer.limits import check_job
from composer.scores import Objective
from composer.settings import ComposeSettings
from composer.stages import Run

__all__ = ["AdapterSource", "ComposeSettings", "Composition", "Progress", "compose"]


def compose(
    base: BaseModel,
    adapters: Sequence[Adapter | AdapterSource],
    examples: Sequence[Example],
    *,
    holdout: Sequence[Example] = (),
    settings: ComposeSettings | None = None,
    objective: Objective | None = None,
    history: Sequence[Generation] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Composition:
    """Search the weights whose combination of the adapters answers the examples best, and measure what came out.

    objective: a function of the candidate's results on the examples, to minimise instead of settings.objective: see
    composer.scores. It has to give the same value for the same results, or a resumed run is another one.
    history: the generations of an earlier run with the same arguments; the search continues from them, bit for bit.
    on_progress is called often and may raise SearchStopped. The base model is left as it was.
    Of more than settings.max_modules adapters the best are selected first, and only those are held in memory: give
    AdapterSources, the likeliest first, and hundreds will do.

    Raises IncompatibleAdapters, AdapterError (does_not_fit_base), ExampleError, SettingsError, and ComposerError
    `too_little_memory` before the search.
    """
    settings = settings or ComposeSettings()
    run = Run(base, adapters, list(examples), settings, on_progress or (lambda progress: None), objective)
    run.select()
    check_job(
        base,
        run.adapters,
        run.rows,
        run.encode(holdout),
        method=run.method,
        in_context=settings.arms == "full",
        tuned=settings.arms == "full" or settings.tune_steps > 0,
    )
    search = run.search(history)
    weights, loss = run.choose(search)
    stored = run.write(weights, loss)
    measured = run.measure(weights, stored.adapter, list(holdout))
    return Composition(
        names=[a.name for a in adapters],
        weights=run.by_module(weights).tolist(),
        layer_weights=run.by_group(weights),
        loss=loss,
        start_loss=run.start_loss,
        evaluations=len(search.losses),
        selection_evaluations=run.selection_evaluations,
        seconds=time.perf_counter() - run.began,
        method=run.method,
        optimizer=run.optimizer,
        objective=run.scorer.name,
        prompt=run.prompt,
        prompts_tried=run.prompts_tried,
        generations=run.generations,
        probes=[None if np.isnan(p) else float(p) for p in run.all_probes()],
        adapter=measured.adapter,
        compression_error=stored.error,
        loss_after_compression=stored.loss,
        rank=stored.adapter.rank,
        arms=measured.arms,
        contributions=measured.contributions,
        tuning=measured.tuning,
        saved=measured.saved,
        measured_on=measured.measured_on,
        validation_evaluations=measured.validation_evaluations,
        verdict=measured.verdict,
        not_finite=int((~np.isfinite(search.losses)).sum()),
        base_model=base.model_id,
        base_fingerprint=base.fingerprint,
        arithmetic=str(run.evaluator.dtype).removeprefix("torch."),
        settings=settings,
        examples_sha256=examples_hash(examples),
        example_count=len(examples),
        timings=run.timings,
    )
