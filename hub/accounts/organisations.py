"""Organisations: made, joined, left. Every function asks the policy and writes the log."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from hub.accounts import audit, policy
from hub.accounts.errors import AccountError
from hub.accounts.models import Invitation, Membership, Namespace, Role, User
from hub.accounts.names import namespace_error

MOST_OWNED = 50  # organisations of one user
MOST_MEMBERS = 1000


def find_organisation(name: str) -> Namespace:
    """Raises AccountError unknown_organisation (404)."""
    rows = Namespace.objects.filter(kind=Namespace.Kind.ORGANISATION, deleted_at=None)
    found = None if "\0" in name else rows.filter(name__iexact=name).first()
    if found is None:
        detail = f"There is no organisation {ascii(name)[1:-1][:96]}."
        raise AccountError(detail, code="unknown_organisation", status=404)
    return found


def namespaces_to_publish_in(user: User) -> list[Namespace]:
    """The user's own namespace, then the organisations where they are writer or owner, by name."""
    joined = Namespace.objects.filter(
        memberships__user=user, memberships__role__in=(Role.WRITER, Role.OWNER), deleted_at=None
    )
    return [user.namespace, *joined.order_by("name")]


def create_organisation(*, user: User, name: str, title: str = "", about: str = "") -> Namespace:
    """A new organisation that the user owns. Raises AccountError bad_name, name_taken (409), too_many_organisations."""
    if problem := namespace_error(name):
        raise AccountError(problem, code="bad_name", field="name")
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)  # two requests at once count each other
            if Membership.objects.filter(user=user, role=Role.OWNER).count() >= MOST_OWNED:
                sentence = f"You own {MOST_OWNED} organisations, the most this hub allows."
                raise AccountError(sentence, code="too_many_organisations", status=403)
            made = Namespace.objects.create(
                name=name, kind=Namespace.Kind.ORGANISATION, title=title, about=about
            )
            Membership.objects.create(namespace=made, user=user, role=Role.OWNER)
            audit.record("organisation.create", actor=user, namespace=made, subject=name)
    except IntegrityError as error:
        detail = f"The name “{name}” is taken."
        raise AccountError(detail, code="name_taken", field="name", status=409) from error
    return made


@transaction.atomic
def update_organisation(*, user: User, organisation: Namespace, title: str, about: str) -> None:
    _require_owner(user, organisation)
    organisation.title, organisation.about = title, about
    organisation.save(update_fields=["title", "about"])
    audit.record("organisation.update", actor=user, namespace=organisation, subject=organisation.name)


@transaction.atomic
def delete_organisation(*, user: User, organisation: Namespace) -> None:
    """Close it. Raises AccountError not_empty (409) while it has modules. The name is never given again."""
    _require_owner(user, organisation)
    Namespace.objects.select_for_update().get(pk=organisation.pk)  # publishing locks it too
    if organisation.modules.filter(deleted_at=None).exists():
        sentence = f"{organisation.name} still has modules: move or delete them first."
        raise AccountError(sentence, code="not_empty", status=409)
    audit.record("organisation.delete", actor=user, namespace=organisation, subject=organisation.name)
    organisation.memberships.all().delete()
    organisation.invitations.all().delete()
    Namespace.objects.filter(pk=organisation.pk).update(deleted_at=timezone.now())


@transaction.atomic
def invite(*, user: User, organisation: Namespace, username: str, role: str) -> Invitation:
    """Ask somebody to join; asking again changes the role. Raises AccountError unknown_user, already_member (409)."""
    _require_owner(user, organisation)
    guest = (
        None if "\0" in username else User.objects.filter(username__iexact=username, is_active=True).first()
    )
    if guest is None:
        detail = f"There is no user {ascii(username)[1:-1][:96]}."
        raise AccountError(detail, code="unknown_user", field="username", status=404)
    if organisation.memberships.filter(user=guest).exists():
        detail = f"{guest.username} is a member already."
        raise AccountError(detail, code="already_member", field="username", status=409)
    if organisation.memberships.count() + organisation.invitations.count() >= MOST_MEMBERS:
        sentence = f"An organisation has at most {MOST_MEMBERS} members."
        raise AccountError(sentence, code="too_many_members", status=403)
    invitation, _ = Invitation.objects.update_or_create(
        namespace=organisation, user=guest, defaults={"role": Role(role), "invited_by": user}
    )
    audit.record("member.invite", actor=user, namespace=organisation, subject=guest.username, role=role)
    return invitation


@transaction.atomic
def answer_invitation(*, user: User, invitation_id: int, accept: bool) -> Namespace:
    """Join, or not. Raises AccountError unknown_invitation (404)."""
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("namespace")
    invitation = rows.filter(pk=invitation_id, user=user).first()
    if invitation is None:
        raise AccountError("There is no such invitation.", code="unknown_invitation", status=404)
    organisation = invitation.namespace
    if accept:
        Membership.objects.get_or_create(
            namespace=organisation, user=user, defaults={"role": invitation.role}
        )
    action = "member.join" if accept else "member.decline"
    audit.record(action, actor=user, namespace=organisation, subject=user.username, role=invitation.role)
    invitation.delete()
    return organisation


@transaction.atomic
def withdraw_invitation(*, user: User, organisation: Namespace, username: str) -> None:
    """Raises AccountError unknown_invitation (404)."""
    _require_owner(user, organisation)
    deleted, _ = organisation.invitations.filter(user__username__iexact=username).delete()
    if not deleted:
        raise AccountError("There is no such invitation.", code="unknown_invitation", status=404)
    audit.record("member.withdraw", actor=user, namespace=organisation, subject=username)


@transaction.atomic
def set_role(*, user: User, organisation: Namespace, username: str, role: str) -> Membership:
    """Raises AccountError unknown_member (404), last_owner (409)."""
    _require_owner(user, organisation)
    member = _locked_member(organisation, username)
    before, member.role = member.role, Role(role)
    if before == Role.OWNER != member.role:
        _require_another_owner(organisation, member)
    member.save(update_fields=["role"])
    if before != role:
        audit.record(
            "member.role",
            actor=user,
            namespace=organisation,
            subject=member.user.username,
            role=role,
            before=before,
        )
    return member


@transaction.atomic
def remove_member(*, user: User, organisation: Namespace, username: str) -> None:
    """Owners remove anybody, everybody may leave. Raises AccountError unknown_member (404), last_owner (409)."""
    leaves = username.lower() == user.username.lower()
    if not leaves:
        _require_owner(user, organisation)
    member = _locked_member(organisation, username)
    if member.role == Role.OWNER:
        _require_another_owner(organisation, member)
    member.delete()
    audit.record(
        "member.leave" if leaves else "member.remove",
        actor=user,
        namespace=organisation,
        subject=member.user.username,
        before=member.role,
    )


def _locked_member(organisation: Namespace, username: str) -> Membership:
    """The member, with the organisation locked: two owners cannot leave at once."""
    Namespace.objects.select_for_update().get(pk=organisation.pk)
    rows = organisation.memberships.select_related("user")
    member = None if "\0" in username else rows.filter(user__username__iexact=username).first()
    if member is None:
        detail = f"{ascii(username)[1:-1][:96]} is not a member of {organisation.name}."
        raise AccountError(detail, code="unknown_member", field="username", status=404)
    return member


def _require_another_owner(organisation: Namespace, member: Membership) -> None:
    if not organisation.memberships.filter(role=Role.OWNER).exclude(pk=member.pk).exists():
        sentence = f"{organisation.name} would have no owner: make somebody else an owner first."
        raise AccountError(sentence, code="last_owner", status=409)


def _require_owner(user: User, organisation: Namespace) -> None:
    if not policy.may(user, policy.Action.MANAGE, organisation):
        raise AccountError(f"Only owners of {organisation.name} may do that.", code="forbidden", status=403)
