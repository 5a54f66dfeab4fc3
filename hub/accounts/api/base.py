"""What the accounts' endpoints share."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.errors import AccountError
from hub.accounts.models import User
from hub.api import ApiError, SignedIn


class AccountView(APIView):
    """For somebody with an account. Turns what accounts refuse into the API's errors."""

    permission_classes = [SignedIn]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, AccountError):
            fields = {exc.field: [str(exc)]} if exc.field else None
            exc = ApiError(exc.code, str(exc), exc.status, fields=fields)
        return super().handle_exception(exc)


def user_of(request: Request) -> User:
    """Whoever asks; the permission class has refused visitors before."""
    assert isinstance(request.user, User)
    return request.user
