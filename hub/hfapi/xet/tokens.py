"""GET xet-write-token: where to send xorbs and shards, and with which token.

The address has the user and the week in it. A client remembers for three weeks which chunks an address has, and does not
send them again; under a new address it starts anew. So xorbs are kept for this week and the last one, and no user can
name the chunks of another.
"""

import time
from datetime import timedelta

from django.core import signing
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from hub.accounts.models import User
from hub.hfapi import uploads
from hub.hfapi.endpoint import endpoint
from hub.hfapi.errors import HubError
from hub.hfapi.preupload import refuse_pull_request
from hub.hfapi.repos import find_own
from hub.hfapi.xet import store

SALT = "hub.hfapi.xet"
SECONDS = 3600


@endpoint("GET")
def write_token(request: HttpRequest, kind: str, owner: str, name: str, rev: str) -> JsonResponse:
    _, user = find_own(request, kind, f"{owner}/{name}")
    refuse_pull_request(request)
    week, _ = weeks()
    store.forget_old(user, keep=weeks())
    uploads.forget_old()
    token = signing.dumps([user.pk, week], salt=SALT)
    address, end = request.build_absolute_uri(f"/xet/{user.pk}/{week}"), int(time.time()) + SECONDS
    response = JsonResponse({"casUrl": address, "exp": end, "accessToken": token})
    response["X-Xet-Cas-Url"] = address
    response["X-Xet-Token-Expiration"] = str(end)
    response["X-Xet-Access-Token"] = token
    return response


def weeks() -> tuple[str, str]:
    """This week and the last one, as `2026-48`."""
    now = timezone.now()
    found = [moment.isocalendar() for moment in (now, now - timedelta(days=7))]
    return f"{found[0].year}-{found[0].week:02d}", f"{found[1].year}-{found[1].week:02d}"


def require_token(request: HttpRequest, user_pk: int, week: str) -> User:
    """The user whose address this is. Raises HubError bad_token (401), forbidden (403)."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        pk, named = signing.loads(token if kind.lower() == "bearer" else "", salt=SALT, max_age=SECONDS + 60)
        user = User.objects.get(pk=pk, is_active=True)
    except (signing.BadSignature, User.DoesNotExist) as error:
        raise HubError("bad_token", "This upload token has ended. Ask for a new one.", status=401) from error
    if (pk, named) != (user_pk, week):
        raise HubError("forbidden", "This upload token is for another address.", status=403)
    return user
