"""What can be said about a job on its way: how far, how long still, how many before it, which weights lead."""

from dataclasses import dataclass, field
from functools import cached_property

from django.utils import timezone

from composer.settings import ComposeSettings
from hub.jobs.estimate import comparing
from hub.jobs.models import Generation, Job, JobModule, Worker


@dataclass(frozen=True, slots=True)
class Share:
    """One module's part in a composition. share: |weight| of the largest |weight|, 0-1; layers: the weights of its groups of
    layers, the lowest first, where they have their own."""

    module: JobModule
    weight: float
    share: float
    layers: list[float] = field(default_factory=list)


class JobProgress:
    """A job with its generations, read once. Everything a page or the API shows of a job comes from here."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @cached_property
    def generations(self) -> list[Generation]:
        return list(self.job.generations.all())

    @cached_property
    def modules(self) -> list[JobModule]:
        return list(
            self.job.modules.select_related("revision__module__namespace", "revision__module__base_model")
        )

    @property
    def evaluations(self) -> int:
        return self.job.evaluations_done

    @property
    def percent(self) -> int:
        if self.job.status == Job.Status.SUCCEEDED:
            return 100
        return min(99, round(100 * self.job.evaluations_done / self.job.budget))

    @property
    def message(self) -> str:
        """What it is doing, in words."""
        job = self.job
        if job.status != Job.Status.RUNNING:
            return job.get_status_display()
        if job.cancel_requested_at is not None:
            return "Stopping"
        if job.stage == Job.Stage.SEARCH:
            return f"Tried {job.evaluations_done} of {job.budget} combinations"
        return job.get_stage_display() or "Starting"

    @cached_property
    def weights(self) -> list[float]:
        """The final weights, or the best so far, by position; empty before there are any."""
        if self.job.status == Job.Status.SUCCEEDED:
            return [m.weight or 0.0 for m in self.modules]
        return list(self.generations[-1].best_weights) if self.generations else []

    @cached_property
    def shares(self) -> list[Share]:
        """The modules that have a weight, the largest first."""
        if len(self.weights) != len(self.modules):
            return []
        largest = max((abs(w) for w in self.weights), default=0.0) or 1.0
        pairs = [(m, w) for m, w in zip(self.modules, self.weights, strict=True) if abs(w) > 1e-6]
        pairs.sort(key=lambda pair: -abs(pair[1]))
        return [
            Share(module, weight, abs(weight) / largest, self.layer_weights.get(module.position, []))
            for module, weight in pairs
        ]

    @cached_property
    def layer_weights(self) -> dict[int, list[float]]:
        """By position, the final weights of each module's groups of layers; empty where a module has one weight."""
        rows = (self.job.result or {}).get("recipe", {}).get("modules", [])
        return {i: row["layer_weights"] for i, row in enumerate(rows) if row.get("layer_weights")}

    @property
    def groups(self) -> int:
        """Weights that each module gets in the end, as the settings say."""
        job = self.job
        return ComposeSettings(
            method=job.method, optimizer=job.optimizer, budget=job.budget, layer_groups=job.layer_groups
        ).groups

    @property
    def without_weight(self) -> int:
        return len(self.modules) - len(self.shares)

    @cached_property
    def queue_position(self) -> int | None:
        """1: next to run. None unless queued."""
        if self.job.status != Job.Status.QUEUED:
            return None
        return Job.objects.filter(status=Job.Status.QUEUED, created_at__lt=self.job.created_at).count() + 1

    @cached_property
    def running_now(self) -> int:
        return Job.objects.filter(status=Job.Status.RUNNING).count()

    @cached_property
    def has_worker(self) -> bool:
        return Worker.objects.alive().exists()

    @cached_property
    def seconds_left(self) -> float | None:
        """An estimate from this job's own pace; None before there is one."""
        job = self.job
        if job.status != Job.Status.RUNNING or not self.generations or job.started_at is None:
            return None
        pace = self._seconds_per_evaluation
        if pace is None:
            return None
        after = pace * comparing(job) / len(job.examples)
        since = (timezone.now() - self.generations[-1].created_at).total_seconds()
        remaining = max(job.budget - self.generations[-1].evaluations, 0)
        return max(pace * remaining + after - since, 1.0)

    @property
    def _seconds_per_evaluation(self) -> float | None:
        """From the generations of this attempt; the first one's time is not known, it began with loading."""
        last = self.generations[-1]
        first = next(g for g in self.generations if g.lease_token == last.lease_token)
        if last.evaluations <= first.evaluations:
            return None
        return max((last.created_at - first.created_at).total_seconds(), 0.01) / (
            last.evaluations - first.evaluations
        )

    @property
    def seconds_taken(self) -> float | None:
        job = self.job
        if job.started_at is None:
            return None
        return ((job.finished_at or timezone.now()) - job.started_at).total_seconds()
