"""What a job request or a running job can run into.

JobRefused      the request is wrong: nothing was stored; one sentence for each field that has to change
LeaseLost       another worker has this job now: write nothing, stop
HandOver        this worker is shutting down: give the job back
JobTimedOut     the job took longer than the hub allows
"""

from composer.errors import SearchStopped


class JobRefused(Exception):
    """A request that cannot become a job. `problems`: (field, code, sentence) in the order of the form."""

    def __init__(self, problems: list[tuple[str, str, str]], *, status: int = 400) -> None:
        super().__init__(" ".join(sentence for _, _, sentence in problems))
        self.problems = problems
        self.status = status

    @property
    def code(self) -> str:
        return self.problems[0][1]

    @property
    def fields(self) -> dict[str, list[str]]:
        """The sentences by field."""
        fields: dict[str, list[str]] = {}
        for field, _, sentence in self.problems:
            if not field:
                continue  # about the whole request
            fields.setdefault(field, []).append(sentence)
        return fields


class LeaseLost(SearchStopped):
    default_code = "lease_lost"


class HandOver(SearchStopped):
    default_code = "handed_over"


class JobTimedOut(SearchStopped):
    default_code = "time_limit"
