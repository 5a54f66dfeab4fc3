"""Gated modules: their card is for everybody, their files for those who asked and were let in."""

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from hub.accounts.models import User
from hub.accounts.policy import Action, can
from hub.registry.models import AccessRequest, Gate, Module
from hub.registry.services.errors import PublishError, RegistryError
from hub.registry.services.log import note
from hub.registry.services.modules import require_manage

GATED = "gated"
Status = AccessRequest.Status


def access_path(module: Module) -> str:
    """Where a person asks for access."""
    return reverse("module-request", args=[module.namespace.name, module.name])


def require_download(user: object, module: Module) -> None:
    """Raise RegistryError gated (403) unless the user may have the files of a module that they see."""
    if not can(user, Action.DOWNLOAD, module):
        detail = f"{module.full_name} is gated: ask for access at {access_path(module)} and sign in or send a token."
        raise RegistryError(GATED, detail, status=403)


@transaction.atomic
def set_gate(*, user: User, module: Module, gate: str, text: str) -> None:
    """Who may download: everybody, or those who ask. Those who were let in before stay so. Raises PublishError bad_gate."""
    require_manage(user, module)
    if gate not in Gate.values:
        raise PublishError("bad_gate", "The gate is empty, “auto” or “manual”.", "gate")
    if len(text) > 2000 or "\0" in text:
        raise PublishError("bad_gate", "The text has at most 2,000 characters.", "gate_text")
    before = Module.objects.select_for_update().get(pk=module.pk).gate
    Module.objects.filter(pk=module.pk).update(gate=gate, gate_text=text)
    module.gate, module.gate_text = gate, text
    if gate != before:
        note("module.gate", module, user, gate=gate or "open")


@transaction.atomic
def request_access(*, user: User, module: Module, message: str = "") -> AccessRequest:
    """Ask for the files; at an automatic gate that is enough. Asking again changes nothing but the message of a request
    that waits.

    Raises RegistryError not_gated (409), denied (403), forbidden (403: by a token for single things).
    """
    if user.token is not None and not user.token.can_write:
        raise RegistryError(
            "forbidden", "Ask for access signed in, or by a token that may write.", status=403
        )
    locked = Module.objects.select_for_update(of=("self",)).select_related("namespace").get(pk=module.pk)
    if not locked.gate or can(user, Action.DOWNLOAD, locked):
        raise RegistryError("not_gated", f"You may download {locked.full_name} already.", status=409)
    found = AccessRequest.objects.filter(module=locked, user=user).first()
    if found is not None and found.status in (Status.DENIED, Status.REVOKED):
        detail = f"Your request for {locked.full_name} was {found.status}; its owner can change that."
        raise RegistryError("denied", detail, status=403)
    found = found or AccessRequest(module=locked, user=user)
    is_new = found.pk is None
    found.message = "".join(char for char in message if char.isprintable())[:500]
    if locked.gate == Gate.AUTO:
        found.status, found.decided_at = Status.GRANTED, timezone.now()
    found.save()
    if is_new:
        note("access.request", locked, user, user=user.username)
    if found.status == Status.GRANTED:
        note("access.grant", locked, None, user=user.username)
    return found


@transaction.atomic
def decide_access(*, user: User, module: Module, username: str, status: str) -> AccessRequest:
    """The owner's word about one user: granted, denied, or revoked. Granting needs no request before it.

    Raises RegistryError unknown_user (404), unknown_request (404), bad_status (400).
    """
    require_manage(user, module)
    if status not in (Status.GRANTED, Status.DENIED, Status.REVOKED):
        raise RegistryError("bad_status", "The status is granted, denied or revoked.")
    rows = AccessRequest.objects.select_for_update(of=("self",)).select_related("user")
    found = None if "\0" in username else rows.filter(module=module, user__username__iexact=username).first()
    if found is None:
        if status != Status.GRANTED:
            raise RegistryError("unknown_request", f"{username[:150]} has not asked.", status=404)
        guest = None if "\0" in username else User.objects.filter(username__iexact=username).first()
        if guest is None:
            raise RegistryError("unknown_user", f"There is no user {ascii(username)[1:-1][:96]}.", status=404)
        found = AccessRequest(module=module, user=guest)
    changed = found.status != status
    found.status, found.decided_at, found.decided_by = status, timezone.now(), user
    found.save()
    if changed:
        action = {Status.GRANTED: "access.grant", Status.DENIED: "access.deny"}.get(status, "access.revoke")  # type: ignore[call-overload]
        note(action, module, user, user=found.user.username)
    return found
