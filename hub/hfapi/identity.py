"""Who asks: the user of the Bearer token, else of the session (files only), else nobody."""

from django.http import HttpRequest

from hub.accounts.models import AccessToken, User
from hub.accounts.services import find_token
from hub.hfapi.errors import HubError

# The clients tell a bad token from a missing repository by these very words.
BAD_TOKEN = "Invalid credentials in Authorization header"


def bearer_token(request: HttpRequest) -> AccessToken | None:
    """The token that came with the request, None without one. Raises HubError bad_token (401)."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    token = find_token(key.strip())
    if token is None:
        raise HubError("bad_token", BAD_TOKEN, status=401)
    return token


def require_user(request: HttpRequest) -> User:
    """Raises HubError sign_in_needed (401) for visitors."""
    if not isinstance(request.user, User):
        raise HubError(
            "sign_in_needed", "This needs a token: make one under Settings, then `hf auth login`.", status=401
        )
    return request.user


def require_writer(request: HttpRequest) -> User:
    """A user whose token may write. Raises HubError sign_in_needed (401), read_only_token (403)."""
    user = require_user(request)
    token: AccessToken | None = getattr(request, "token", None)
    if token is None or not token.can_write:
        raise HubError(
            "read_only_token", "This token may only read. Create one with the scope “write”.", status=403
        )
    return user
