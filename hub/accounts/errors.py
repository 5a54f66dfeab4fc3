"""What accounts refuse, and why."""


class AccountError(Exception):
    """The account, token or membership cannot be made or changed. The text is shown to the user; `field` names the form's
    field; `status` is for HTTP."""

    def __init__(self, detail: str, *, code: str, field: str = "", status: int = 400) -> None:
        super().__init__(detail)
        self.code = code
        self.field = field
        self.status = status
