"""The browser login of `hf auth login` (RFC 8628): a program shows a code, its user confirms it here, it gets a token.

POST /oauth/device      a code for the program and one for its user
POST /oauth/token       asked every few seconds, until there is a token or a reason why not
GET, POST /oauth/confirm    the page
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hub.accounts import tokens
from hub.accounts.errors import AccountError
from hub.accounts.models import User
from hub.hfapi.endpoint import endpoint
from hub.hfapi.models import DeviceLogin

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words
LIFE = timedelta(minutes=15)
INTERVAL = timedelta(seconds=2)
TOKEN_LIFE = timedelta(days=90)  # the clients renew a token with less than a day left at once
WAITING, CONFIRMED, REFUSED, DONE = (
    DeviceLogin.Status.WAITING,
    DeviceLogin.Status.CONFIRMED,
    DeviceLogin.Status.REFUSED,
    DeviceLogin.Status.DONE,
)


@endpoint("POST")
def start(request: HttpRequest) -> JsonResponse:
    now = timezone.now()
    DeviceLogin.objects.filter(expires_at__lt=now - LIFE).delete()
    secret = secrets.token_urlsafe(32)
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    login = DeviceLogin.objects.create(
        code_hash=_hash(secret),
        user_code=f"{letters[:4]}-{letters[4:]}",
        program=_program(request.headers.get("User-Agent", "")),
        expires_at=now + LIFE,
    )
    page = request.build_absolute_uri("/oauth/confirm")
    body = {
        "device_code": secret,
        "user_code": login.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?code={login.user_code}",
        "expires_in": int(LIFE.total_seconds()),
        "interval": int(INTERVAL.total_seconds()),
    }
    return JsonResponse(body)


@endpoint("POST")
@transaction.atomic
def token(request: HttpRequest) -> JsonResponse:
    """One token for one confirmation; the answers until then are errors by their standard names."""
    if request.POST.get("grant_type") != GRANT:
        return _error("unsupported_grant_type")
    code = _hash(request.POST.get("device_code", ""))
    login = (
        DeviceLogin.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(code_hash=code)
        .first()
    )
    now = timezone.now()
    if login is None or login.status == DONE or login.expires_at <= now:
        return _error("expired_token")
    if login.status == REFUSED:
        return _error("access_denied")
    if login.status == WAITING or login.user is None:
        early = login.polled_at is not None and now - login.polled_at < INTERVAL / 2
        login.polled_at = now
        login.save(update_fields=["polled_at"])
        return _error("slow_down" if early else "authorization_pending")
    try:
        _, plaintext = tokens.create_token(
            user=login.user,
            name=f"hf auth login {now:%Y-%m-%d}",
            scope=login.scope,
            expires_at=now + TOKEN_LIFE,
        )
    except AccountError as error:  # too many tokens
        return JsonResponse({"error": "access_denied", "error_description": str(error)}, status=400)
    login.status = DONE
    login.save(update_fields=["status"])
    body = {"access_token": plaintext, "token_type": "bearer", "expires_in": int(TOKEN_LIFE.total_seconds())}
    return JsonResponse(body | {"scope": login.scope})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Asks before it does anything: a link alone must not hand out a token."""
    assert isinstance(request.user, User)  # by login_required
    values = request.POST if request.method == "POST" else request.GET
    code = values.get("code", "").strip().upper()
    code = code if "-" in code else f"{code[:4]}-{code[4:]}"
    rows = DeviceLogin.objects.filter(
        status=WAITING, expires_at__gt=timezone.now(), user_code=code.replace("\0", "")
    )
    login = rows.first()
    asked = bool(values.get("code"))
    if login is not None and request.method == "POST" and values.get("answer") in ("yes", "no"):
        yes = values["answer"] == "yes"
        scope = "read" if values.get("scope") == "read" else "write"
        rows.update(status=CONFIRMED if yes else REFUSED, user=request.user, scope=scope)
        messages.success(
            request, "Signed in. Go back to your program." if yes else "Refused. The program gets no token."
        )
        return redirect("tokens")
    context = {"login": login, "code": code if asked else "", "unknown": asked and login is None}
    return render(request, "hfapi/device.html", context, status=404 if context["unknown"] else 200)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _program(agent: str) -> str:
    """`hf_hub/2.4.0; python/3.11.7` of a longer User-Agent; what a program says of itself, so only to be shown."""
    return "".join(char for char in agent if char.isprintable())[:200]


def _error(name: str) -> JsonResponse:
    return JsonResponse({"error": name}, status=400)
