"""Who did what, and when: written by the services in the transaction of what they do, read by owners, changed by nobody."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from hub.accounts.models import AuditEvent, Namespace, User

EVENTS_A_PAGE = 50
# action -> what the page says, with the event's subject and details filled in
SENTENCES = {
    "token.create": "made the token {subject} ({scope})",
    "token.revoke": "revoked the token {subject}",
    "organisation.create": "made the organisation",
    "organisation.update": "changed what is said about the organisation",
    "organisation.delete": "deleted the organisation",
    "member.invite": "invited {subject} as {role}",
    "member.withdraw": "withdrew the invitation of {subject}",
    "member.join": "joined as {role}",
    "member.decline": "declined the invitation",
    "member.role": "made {subject} {role}, who was {before}",
    "member.remove": "removed {subject}, {before}",
    "member.leave": "left",
    "module.create": "published {subject}",
    "module.revision": "published revision {number} of {subject}",
    "module.update": "changed what is said about {subject}",
    "module.visibility": "made {subject} {visibility}",
    "module.gate": "set the gate of {subject} to {gate}",
    "module.rename": "renamed {before} to {subject}",
    "module.delete": "deleted {subject}",
    "module.restore": "restored {subject}",
    "revision.yank": "yanked revision {number} of {subject}: {reason}",
    "revision.unyank": "took back the yank of revision {number} of {subject}",
    "access.request": "asked for access to {subject}",
    "access.grant": "gave {user} access to {subject}",
    "access.deny": "denied {user} access to {subject}",
    "access.revoke": "took away {user}’s access to {subject}",
}


def record(
    action: str,
    *,
    actor: User | None,
    namespace: Namespace,
    subject: str = "",
    module: int | None = None,
    **details: Any,
) -> AuditEvent:
    """Add an event. actor None: the hub itself."""
    assert action in SENTENCES, action
    token = actor.token if actor is not None else None
    return AuditEvent.objects.create(
        namespace=namespace,
        module=module,
        actor=actor.pk if actor else None,
        actor_name=actor.username if actor else "the hub",
        token=str(token) if token else "",
        action=action,
        subject=subject,
        details=details,
    )


def page_of(events: QuerySet[AuditEvent], number: str | None) -> Page[AuditEvent]:
    """A page of the log, each event with its `sentence`."""
    page = Paginator(events, EVENTS_A_PAGE).get_page(number)
    for event in page:
        event.sentence = sentence(event)  # type: ignore[attr-defined]
    return page


def sentence(event: AuditEvent) -> str:
    """The event without its actor, as a sentence's rest; what a detail does not say is a dash."""
    told = {key: str(value) for key, value in event.details.items()} | {"subject": event.subject}
    return SENTENCES.get(event.action, event.action).format_map(_Dashes(told))


class _Dashes(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"
