"""What the command line says on stderr: a bar where a person watches, plain lines in a log or a pipe."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composer.composition import Progress

STEPS_A_LINE = 10


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Bar:
    """So many of `total`; without a terminal it is silent, and the caller says lines instead. Close it."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit = total, unit
        self.watched = sys.stderr.isatty()
        self._bar: Any = None

    def to(self, done: int, figure: str) -> None:
        """Move to `done`, with a figure behind the bar."""
        if not self.watched:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, unit=f" {self.unit}", file=sys.stderr, leave=True)
        self._bar.set_postfix_str(figure, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class ComposeProgress:
    """compose()'s progress: the search as a bar or as one line per generation, the other stages as lines."""

    def __init__(self, budget: int) -> None:
        self._bar = Bar(budget, "combinations")

    def __call__(self, progress: "Progress") -> None:
        best = progress.best_loss
        if progress.generation is not None:
            figure = "no finite loss yet" if best is None else f"best loss {best:.4f}"
            self._bar.to(progress.evaluations, figure)
            if not self._bar.watched:
                say(f"{progress.evaluations}/{progress.budget} evaluations, {figure}")
        elif progress.message:
            self._bar.close()
            say(progress.message)

    def close(self) -> None:
        self._bar.close()


class TrainProgress:
    """The steps of a training as a bar, or every tenth as a line."""

    def __init__(self, steps: int) -> None:
        self._steps, self._bar = steps, Bar(steps, "steps")

    def __call__(self, step: int, loss: float) -> None:
        self._bar.to(step, f"loss {loss:.4f}")
        if not self._bar.watched and (step % STEPS_A_LINE == 0 or step == self._steps):
            say(f"step {step}/{self._steps}, loss {loss:.4f}")
        if step == self._steps:
            self._bar.close()
