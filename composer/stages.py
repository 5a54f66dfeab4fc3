"""The stages of compose(), in their order: select, search, choose, write, measure."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from composer.adapters import Adapter
from composer.alone import AdapterSource, Alone, loaded
from composer.base_model import BaseModel, adaptable_layers
from composer.checkpoint import Generation, stored_losses
from composer.composition import Progress, Stage
from composer.errors import ComposerError, IncompatibleAdapters, SettingsError
from composer.evaluator import Evaluator
from composer.examples import Example, check_examples
from composer.layer_groups import cut_by_depth
from composer.methods import combine, mixing_of
from composer.prompt_choice import choose_prompt
from composer.prompts import AUTO_TEMPLATE, EncodedRow, encode_examples
from composer.published import PublishedRun
from composer.report import Found, Report, report
from composer.rivals import Makings
from composer.scores import Objective, Scorer
from composer.search import Search, make_search
from composer.select import select_modules
from composer.settings import ComposeSettings, faithful_problem
from composer.stored import Stored, to_store

Array = NDArray[np.float64]
FINALISTS = 3


class Run:
    """The state of one call of compose(); its methods are the stages, in their order.

    select() decides which adapters take part, and cuts them by depth where each group of layers gets a weight of its own:
    from then on `adapters` and `evaluator` are of these parts, and so are weights and candidates, [..., n_parts];
    `probes` are of the chosen modules. whole() and by_module() make weights of all that were given.
    """

    def __init__(
        self,
        base: BaseModel,
        given: Sequence[Adapter | AdapterSource],
        examples: list[Example],
        settings: ComposeSettings,
        report: Callable[[Progress], None],
        objective: Objective | None = None,
    ) -> None:
        self.began = self._lap = time.perf_counter()
        if not given:
            raise IncompatibleAdapters("choose at least one module to compose")
        check_examples(examples)
        name = settings.objective if objective is None else getattr(objective, "__name__", "a callable")
        if problem := faithful_problem(settings.method, settings.optimizer, name):
            raise SettingsError(problem, code="not_faithful")
        self.base, self.given, self.examples = base, given, examples
        self.settings, self.report = settings, report
        self.method = "deltas" if settings.method == "auto" else settings.method
        standard = "ngopt" if self.method == "faithful" else "probe"
        self.optimizer = standard if settings.optimizer == "auto" else settings.optimizer
        self.stage: Stage = "select"
        self.generations: list[Generation] = []
        self.timings: dict[str, float] = {}
        self.evaluations = self.selection_evaluations = 0
        self.dropped_probes = np.full(len(given), np.nan)
        self.best: tuple[float, Array] | None = None
        self.objective = objective or settings.objective
        self.prompt = settings.prompt
        self.prompts_tried: list[dict[str, Any]] = []
        if settings.template != AUTO_TEMPLATE:
            self.rows = self.encode(examples)  # what is too long is refused before anything is computed

    def select(self) -> None:
        """Decide which adapters to search over, all or the best of many, and get ready to mix those."""
        most, count = self.settings.max_modules, len(self.given)
        self.chosen = list(range(count))
        if self.method == "faithful" and count > most:
            raise SettingsError(
                f"the method faithful has no selection: give at most {most} modules, not {count}",
                code="not_faithful",
            )
        if self.settings.template == AUTO_TEMPLATE:
            self.choose_prompt()
        self.scorer = Scorer(
            self.objective,
            self.examples,
            self.rows,
            self.prompt,
            max_new_tokens=self.settings.max_new_tokens,
        )
        if count > most:
            self.tell(f"trying {count} modules alone on a few examples")
            probe = Alone(self.base, self.given, pulse=self.pulse)
            selection = select_modules(probe, self.rows, most=most)
            if self.scorer.is_loss:
                self.dropped_probes = np.array(selection.losses)
            self.selection_evaluations += selection.evaluations
            self.chosen = selection.kept
        modules = [loaded(self.given[i]) for i in self.chosen]
        layers = adaptable_layers(self.base.model)
        self.adapters, self.parts = cut_by_depth(modules, layers, self.settings.groups)
        self.probes = self.dropped_probes[self.chosen]
        self.mixing = mixing_of(self.method)
        self.evaluator = Evaluator(self.base, self.adapters, method=self.mixing, pulse=self.pulse)
        faithful = self.method == "faithful"
        self.published = (
            PublishedRun(self.base, self.adapters, self.rows, pulse=self.pulse) if faithful else None
        )
        nothing = np.zeros((1, len(self.adapters)))
        self.start_loss = float(self.evaluator.mean_losses(nothing, self.rows)[0])
        self.lap("select")

    def choose_prompt(self) -> None:
        """Template "auto": the recorded format that suits the examples best, and what was tried."""
        self.tell("trying the modules' own prompt templates")
        choice = choose_prompt(
            self.base,
            self.given,
            self.examples,
            plain=self.settings.prompt,
            most=self.settings.max_modules,
            pulse=self.pulse,
        )
        self.prompt, self.prompts_tried = choice.prompt, choice.tried
        self.rows = self.encode(self.examples)
        self.selection_evaluations += choice.evaluations
        if self.objective == "loss":
            self.dropped_probes = choice.probes

    def search(self, history: Sequence[Generation]) -> Search:
        """Ask, evaluate a whole generation, tell, report; until the budget is spent or the search is done."""
        self.stage = "search"
        settings = self.settings
        search = make_search(
            self.optimizer,
            count=self.parts.count,
            budget=settings.budget,
            seed=settings.seed,
            bound=settings.bound,
            penalty=settings.penalty,
            parts=self.parts,
        )
        try:
            while len(candidates := search.ask()):
                whole = self.whole(candidates)
                if len(self.generations) < len(history):
                    losses = stored_losses(history, len(self.generations), whole)
                    if self.published:
                        self.published.skip(candidates)
                else:
                    losses = self.losses(candidates)
                objectives = search.tell(losses)
                self.note(candidates, losses)
                self.evaluations += len(candidates)
                generation = Generation.of(len(self.generations), whole, losses, objectives)
                self.generations.append(generation)
                self.tell(f"generation {generation.index + 1}", generation)
        finally:
            search.close()
        self.lap("search")
        return search

    def losses(self, candidates: Array) -> Array:
        """What to minimise of each candidate, [population]; what the selection has computed already is looked up."""
        if self.published:
            return self.published.losses(candidates)
        module = self.parts.means(candidates).argmax(axis=1)
        known = (
            self.parts.alone(candidates) & ~np.isnan(self.probes[module]) & (self.selection_evaluations > 0)
        )
        losses = np.where(known, self.probes[module], np.nan)
        if not known.all():
            losses[~known] = self.values(candidates[~known])
        return losses

    def values(self, candidates: Array) -> Array:
        """What to minimise of each candidate: its few-shot loss, or what else the objective is. [population]"""
        return self.scorer.values(self.evaluator, candidates)

    def choose(self, search: Search) -> tuple[Array, float]:
        """The best weights, [n_modules], and their loss in float32; bf16 searches are too coarse to tell finalists apart."""
        if self.published:
            return self.choose_published(search)
        if not np.isfinite(search.losses).any():
            raise _overflow(self.scorer)
        finalists = search.finalists(FINALISTS)
        losses = self.exact_evaluator().mean_losses(finalists, self.rows)
        if not np.isfinite(losses).any():
            raise _overflow(self.scorer)
        if self.evaluator.dtype == torch.float32:
            return finalists[0], float(losses[0])  # already in the order of their objectives
        scores = losses if self.scorer.is_loss else self.scorer.values(self.exact_evaluator(), finalists)
        best = int(np.argmin(np.where(np.isfinite(losses), scores, np.inf)))
        return finalists[best], float(losses[best])

    def choose_published(self, search: Search) -> tuple[Array, float]:
        """The published search's own answer, without a second look at it; its loss as we count it."""
        assert self.published
        weights = search.finalists(1)[0]
        self.final = self.published.final(weights)
        exact = Evaluator(self.base, [self.final], dtype=torch.float32, pulse=self.pulse)
        loss = float(exact.mean_losses(np.ones((1, 1)), self.rows)[0])
        if not np.isfinite(loss):
            raise _overflow(self.scorer)
        return weights, loss

    def combined(self, weights: Array) -> Adapter:
        """The composition, before it is compressed."""
        return self.final if self.published else combine(self.method, self.adapters, list(weights))

    def write(self, weights: Array, loss: float) -> Stored:
        """The composition as it will be stored: of the wanted rank or, where that costs loss, a higher one."""
        self.stage = "write"
        self.tell("compressing the composition")
        exact = self.combined(weights)
        stored = to_store(self.base, exact, self.rows, rank=self.settings.rank, loss=loss, pulse=self.pulse)
        self.lap("write")
        return stored

    def measure(self, weights: Array, adapter: Adapter, holdout: list[Example]) -> Report:
        """The arms, what each module adds, the tuning if it is wanted, and the verdict."""
        self.stage = "evaluate"
        if np.isnan(self.probes).all():
            self.probes = self.values(self.parts.spread(np.eye(self.parts.count)))
            self.selection_evaluations += self.parts.count
        makings = Makings(
            self.base,
            self.adapters,
            self.method,
            compute=self.evaluations + self.selection_evaluations,
            seed=self.settings.seed,
            full=self.settings.arms == "full",
            pulse=self.pulse,
            cut=self.parts,
        )
        measured = report(
            makings,
            Found(weights, adapter, self.probes),
            self.examples,
            self.rows,
            holdout=holdout,
            held_out_rows=self.encode(holdout),
            settings=self.settings,
            optimizer=self.optimizer,
            say=self.tell,
        )
        self.lap("evaluate")
        return replace(
            measured,
            arms=[replace(a, weights=self.by_module(np.array(a.weights)).tolist()) for a in measured.arms],
            contributions=[replace(c, module=self.chosen[c.module]) for c in measured.contributions],
        )

    def encode(self, examples: Sequence[Example]) -> list[EncodedRow]:
        base = self.base
        return encode_examples(
            base.tokenizer,
            examples,
            self.prompt,
            seq2seq=base.is_seq2seq,
            limit=base.context_length,
        )

    def exact_evaluator(self) -> Evaluator:
        if self.evaluator.dtype == torch.float32:
            return self.evaluator
        return Evaluator(self.base, self.adapters, method=self.mixing, dtype=torch.float32, pulse=self.pulse)

    def whole(self, weights: Array) -> Array:
        """Weights of the parts, [..., n_parts], as weights of all given by group: [..., n_modules * groups]."""
        whole = np.zeros((*weights.shape[:-1], len(self.given), self.parts.groups))
        whole[..., self.chosen, :] = self.parts.by_group(weights)
        return whole.reshape(*weights.shape[:-1], -1)

    def by_module(self, weights: Array) -> Array:
        """Weights of the parts, [..., n_parts], as one weight for each module given, their mean: [..., n_modules]."""
        whole = np.zeros((*weights.shape[:-1], len(self.given)))
        whole[..., self.chosen] = self.parts.means(weights)
        return whole

    def by_group(self, weights: Array) -> list[list[float]] | None:
        """Weights of the parts as a list [n_modules][groups]; None if nothing was cut."""
        groups = self.parts.groups
        return None if groups == 1 else self.whole(weights).reshape(-1, groups).tolist()

    def all_probes(self) -> Array:
        """The loss of each given module alone, [n_modules], NaN where it was not computed."""
        probes = self.dropped_probes.copy()
        probes[self.chosen] = self.probes
        return probes

    def note(self, candidates: Array, losses: Array) -> None:
        """Remember the best loss, and what each module does alone."""
        if not self.published:  # a published loss is of what went before, too
            single = self.parts.alone(candidates)
            self.probes[self.parts.means(candidates[single]).argmax(axis=1)] = losses[single]
        for candidate, loss in zip(candidates, losses, strict=True):
            if np.isfinite(loss) and (self.best is None or loss < self.best[0]):
                self.best = (float(loss), candidate)

    def pulse(self) -> None:
        self.tell("")

    def tell(self, message: str, generation: Generation | None = None) -> None:
        self.report(
            Progress(
                stage=self.stage,
                evaluations=self.evaluations,
                budget=self.settings.budget,
                generation=generation,
                best_loss=self.best[0] if self.best else None,
                best_weights=self.by_module(self.best[1]).tolist() if self.best else None,
                message=message,
            )
        )

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings[stage] = now - self._lap
        self._lap = now


def _overflow(scorer: Scorer) -> ComposerError:
    why = "makes the model overflow" + ("" if scorer.is_loss else f", or was vetoed by {scorer.name}")
    return ComposerError(
        f"every combination that was tried {why}: leave out modules with huge values", code="not_finite"
    )
