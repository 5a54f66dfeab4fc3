"""Access tokens: made, found, revoked. `authenticate` is the one way in for every program, whatever protocol it speaks."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from hub.accounts import audit, policy
from hub.accounts.errors import AccountError
from hub.accounts.models import AccessToken, Namespace, TokenGrant, User

ALPHABET = string.ascii_letters + string.digits
TOKEN_LENGTH = 36  # characters after "hf_": 214 bits, and what llama.cpp accepts (34 or more)
SEEN_EVERY = timedelta(minutes=1)
MOST_GRANTS = 50
MOST_TOKENS = 100  # of one user


class BadToken(Exception):
    """A Bearer token that is unknown, revoked or past its end: 401, code bad_token."""

    code = "bad_token"

    def __init__(self) -> None:
        super().__init__("This token is unknown, revoked or expired.")


def authenticate(header: str) -> User | None:
    """The user of an `Authorization: Bearer hf_…` header, with the token as `user.token`; None if it is no Bearer header.

    Raises BadToken.
    """
    kind, _, key = header.partition(" ")
    if kind.lower() != "bearer":
        return None
    token = find_token(key.strip())
    if token is None:
        raise BadToken
    return token.user


def find_token(plaintext: str) -> AccessToken | None:
    """The usable token with this text; its user acts by it. Notes when it was last used, at most once a minute."""
    found = (
        AccessToken.objects.usable().select_related("user").filter(token_hash=hash_token(plaintext)).first()
    )
    if found is None:
        return None
    found.user.token = found
    now = timezone.now()
    if found.last_used_at is None or now - found.last_used_at > SEEN_EVERY:
        AccessToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def hash_token(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode("utf-8", "replace")).hexdigest()


@transaction.atomic
def create_token(
    *,
    user: User,
    name: str,
    scope: str = AccessToken.Scope.READ,
    expires_at: datetime | None = None,
    targets: Sequence[str] = (),
    permission: str = TokenGrant.Permission.READ,
) -> tuple[AccessToken, str]:
    """A new token and its text, `hf_` and 36 letters and digits, which cannot be read again later.

    targets: `owner` or `owner/name`, what a fine-grained token is for, each with the permission.
    A token that makes a token (user.token) gives away no more than it has, and for no longer.
    Raises AccountError: token_too_strong, too_many_tokens, no_targets, unknown_target, too_many_targets.
    """
    _check_maker(user, scope, expires_at)
    if AccessToken.objects.filter(user=user).count() >= MOST_TOKENS:
        sentence = f"You have {MOST_TOKENS} tokens; revoke one that you do not use."
        raise AccountError(sentence, code="too_many_tokens")
    grants = _grants(user, targets, permission) if scope == AccessToken.Scope.FINE else []
    plaintext = "hf_" + "".join(secrets.choice(ALPHABET) for _ in range(TOKEN_LENGTH))
    token = AccessToken.objects.create(
        user=user,
        name=name,
        scope=AccessToken.Scope(scope),
        expires_at=expires_at,
        token_hash=hash_token(plaintext),
        prefix=plaintext[:7],
    )
    for grant in grants:
        grant.token = token
    TokenGrant.objects.bulk_create(grants)
    audit.record("token.create", actor=user, namespace=user.namespace, subject=str(token), scope=token.scope)
    return token, plaintext


@transaction.atomic
def revoke_token(*, user: User, token_id: int) -> bool:
    """Delete one of the user's own tokens. False if the user has no such token."""
    token = AccessToken.objects.filter(user=user, pk=token_id).first()
    if token is None or token.delete()[0] == 0:
        return False
    audit.record("token.revoke", actor=user, namespace=user.namespace, subject=str(token))
    return True


def _check_maker(user: User, scope: str, expires_at: datetime | None) -> None:
    maker = user.token
    if maker is None:
        return
    wider = not maker.can_write and scope != maker.scope
    longer = maker.expires_at is not None and (expires_at is None or expires_at > maker.expires_at)
    if maker.is_fine_grained or wider or longer:
        sentence = "A token makes no token that may do more or lasts longer than itself; sign in to make one."
        raise AccountError(sentence, code="token_too_strong", status=403)


def _grants(user: User, targets: Sequence[str], permission: str) -> list[TokenGrant]:
    """A grant, not yet of a token, for each target; each target must be one that the user has this permission for."""
    names = list(dict.fromkeys(target.strip().strip("/") for target in targets if target.strip(" /")))
    if not names:
        raise AccountError(
            "Name at least one module (owner/name) or namespace (owner).", code="no_targets", field="targets"
        )
    if len(names) > MOST_GRANTS:
        sentence = f"{len(names)} are too many; a token is for at most {MOST_GRANTS}."
        raise AccountError(sentence, code="too_many_targets", field="targets")
    needed = policy.PERMITS[TokenGrant.Permission(permission)]
    found: dict[tuple[int | None, int | None], TokenGrant] = {}
    for name in names:
        grant = _grant(user, name, needed)
        grant.permission = permission
        found[grant.namespace_id, grant.module_id] = grant
    return list(found.values())


def _grant(user: User, name: str, needed: policy.Action) -> TokenGrant:
    owner, slash, rest = name.partition("/")
    if name.isprintable() and not slash:
        namespace = Namespace.objects.filter(name__iexact=owner).first()
        if namespace is not None and policy.may(user, needed, namespace):
            return TokenGrant(namespace=namespace)
    elif name.isprintable():
        modules = apps.get_model("registry", "Module").objects  # by name: the registry imports this app
        module = modules.visible_to(user).filter(namespace__name__iexact=owner, name__iexact=rest).first()
        if module is not None and policy.can(user, needed, module):
            return TokenGrant(module=module)
    detail = f"There is no {ascii(name)[1:-1][:200]}, or you may not do that with it yourself."
    raise AccountError(detail, code="unknown_target", field="targets")
