"""What the registry refuses, and why.

RegistryError           code, detail (a sentence for the user), HTTP status
└── PublishError        an upload or an edit: every problem, each with the form's field
"""

from collections.abc import Sequence
from dataclasses import dataclass


class RegistryError(Exception):
    """A request that cannot be met. `code` is stable; `detail` is shown to the user; `status` is for HTTP."""

    def __init__(self, code: str, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change: `field` is the form's or API's field name."""

    field: str
    code: str
    detail: str
    status: int = 400


class PublishError(RegistryError):
    """Something about an upload or edit is wrong; nothing was stored. `code` and `detail` are those of the first problem."""

    def __init__(
        self, code: str, detail: str, field: str = "", *, status: int = 400, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(code, detail, status=status)
        self.field = field
        self.problems = list(problems) or [Problem(field, code, detail, status)]

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "PublishError":
        first = problems[0]
        return cls(first.code, first.detail, first.field, status=first.status, problems=problems)

    @property
    def fields(self) -> dict[str, list[str]]:
        """The sentences by field."""
        found: dict[str, list[str]] = {}
        for problem in self.problems:
            found.setdefault(problem.field, []).append(problem.detail)
        return found
