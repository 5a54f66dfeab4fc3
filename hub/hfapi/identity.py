"""Who asks: the user of the Bearer token, else of the session (files only), else nobody."""

from django.http import HttpRequest

from hub.accounts.models import AccessToken, User
from hub.accounts.tokens import BadToken, authenticate
from hub.hfapi.errors import HubError

# The clients tell a bad token from a missing repository by these very words.
BAD_TOKEN = "Invalid credentials in Authorization header"


def token_user(request: HttpRequest) -> User | None:
    """The user of the request's token, None without one. Raises HubError bad_token (401)."""
    try:
        return authenticate(request.headers.get("Authorization", ""))
    except BadToken as error:
        raise HubError(error.code, BAD_TOKEN, status=401) from error


def require_user(request: HttpRequest) -> User:
    """Raises HubError sign_in_needed (401) for visitors."""
    if not isinstance(request.user, User):
        raise HubError(
            "sign_in_needed", "This needs a token: make one under Settings, then `hf auth login`.", status=401
        )
    return request.user


def require_writer(request: HttpRequest) -> User:
    """A user whose token may do more than read; what exactly, the policy says.

    Raises HubError sign_in_needed (401), read_only_token (403).
    """
    user = require_user(request)
    if user.token is None or user.token.scope == AccessToken.Scope.READ:
        raise HubError(
            "read_only_token", "This token may only read. Create one with the scope “write”.", status=403
        )
    return user
