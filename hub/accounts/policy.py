"""Who may do what. The only file that decides it: pages, REST API, Hugging Face protocol, commands and jobs all ask here.

Three things are looked at, and all must allow it:
  the role        a user in their own namespace is its owner; in an organisation, what their membership says
  the visibility  anybody sees a public module, only members a private one; a gated one is downloaded by members and by
                  those whose request was granted
  the token       a request by token (user.token) is held to the token's scope and grants

Of a module only pk, namespace, is_private, gate, deleted_at and access_requests are read: this app imports no other.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from django.db.models import Q

if TYPE_CHECKING:
    from hub.accounts.models import AccessToken, Namespace


class Action(IntEnum):
    """Each needs more than the one before."""

    SEE = 1  # that it exists, and what is said about it
    DOWNLOAD = 2  # its files; compose with it
    WRITE = 3  # publish revisions, edit what is said, yank; in a namespace: make modules
    MANAGE = 4  # rename, delete, decide who sees it, read the log


PERMITS = {"read": Action.DOWNLOAD, "write": Action.WRITE, "manage": Action.MANAGE}  # of a TokenGrant
ROLES = {"reader": Action.DOWNLOAD, "writer": Action.WRITE, "owner": Action.MANAGE}


def may(user: Any, action: Action, namespace: Namespace) -> bool:
    """May the user do this with everything in the namespace, private modules included?"""
    return _by_role(user, namespace) >= action and _by_token(user, namespace.pk) >= action


def can(user: Any, action: Action, module: Any) -> bool:
    """May the user do this with the module?"""
    if module.deleted_at is not None:
        return False
    if not module.is_private and (action == Action.SEE or (action == Action.DOWNLOAD and not module.gate)):
        return True
    if _by_token(user, module.namespace_id, module.pk) < action:
        return False
    if _by_role(user, module.namespace) >= action:
        return True
    return action <= Action.DOWNLOAD and not module.is_private and _is_granted(user, module)


def visible(user: Any) -> Q:
    """The condition on Module that `can(user, SEE, module)` is, for a query."""
    if not _is_person(user):
        return Q(is_private=False)
    return Q(is_private=False) | _of_members(user)


def downloadable(user: Any) -> Q:
    """The condition on Module that `can(user, DOWNLOAD, module)` is, for a query."""
    free = Q(is_private=False, gate="")
    if not _is_person(user):
        return free
    let_in = user.access_requests.filter(status="granted").values("module_id")
    return free | _of_members(user) | (Q(is_private=False, pk__in=let_in) & _in_grants(user))


def own(user: Any) -> Q:
    """The modules of the namespaces that the user belongs to, drafts included, as far as the token goes."""
    return _of_members(user) if _is_person(user) else Q(pk=None)


def role_in(namespace: Namespace, user: Any) -> str | None:
    """`owner`, `writer`, `reader`, or None."""
    if not _is_person(user):
        return None
    if namespace.user_id is not None:
        return "owner" if namespace.user_id == user.pk else None
    role: str | None = user.memberships.filter(namespace=namespace).values_list("role", flat=True).first()
    return role


def _is_person(user: Any) -> bool:
    return bool(user is not None and user.is_authenticated and user.is_active)


def _by_role(user: Any, namespace: Namespace) -> int:
    role = role_in(namespace, user)
    return ROLES[role] if role else 0


def _by_token(user: Any, namespace_id: int, module_id: int | None = None) -> int:
    """The most that the token allows; anything without one."""
    token: AccessToken | None = getattr(user, "token", None)
    if token is None or token.scope == "write":
        return Action.MANAGE
    if token.scope == "read":
        return Action.DOWNLOAD
    here = Q(namespace_id=namespace_id) | (Q(module_id=module_id) if module_id else Q(pk=None))
    return max(
        (PERMITS[name] for name in token.grants.filter(here).values_list("permission", flat=True)), default=0
    )


def _of_members(user: Any) -> Q:
    joined = user.memberships.values("namespace_id")
    return (Q(namespace__user=user) | Q(namespace__in=joined)) & _in_grants(user)


def _in_grants(user: Any) -> Q:
    """The modules that the user's token is made for; no condition without a fine-grained token."""
    token: AccessToken | None = getattr(user, "token", None)
    if token is None or not token.is_fine_grained:
        return Q()
    grants = list(token.grants.values_list("namespace_id", "module_id"))
    return Q(namespace_id__in=[n for n, _ in grants if n]) | Q(pk__in=[m for _, m in grants if m])


def _is_granted(user: Any, module: Any) -> bool:
    return _is_person(user) and module.access_requests.filter(user=user, status="granted").exists()
