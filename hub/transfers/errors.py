"""What is refused or fails on the way, with a stable code and a sentence for the user."""


class TransferError(Exception):
    """skip: nothing is wrong, there is just no module to take."""

    def __init__(self, code: str, detail: str, *, status: int = 400, skip: bool = False) -> None:
        super().__init__(detail)
        self.code, self.detail, self.status, self.skip = code, detail, status, skip
