"""Pages of organisations: make one, its members, its settings; my memberships and invitations."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hub.accounts import audit, organisations, policy
from hub.accounts.errors import AccountError
from hub.accounts.forms import InviteForm, NewOrganisationForm, OrganisationForm
from hub.accounts.models import Invitation, Membership, Namespace, Role, User


@never_cache
@login_required
def mine(request: HttpRequest) -> HttpResponse:
    """Where I am a member, and who asks me to join."""
    user = _user(request)
    context = {
        "memberships": Membership.objects.filter(user=user)
        .select_related("namespace")
        .order_by("namespace__name"),
        "invitations": Invitation.objects.filter(user=user).select_related("namespace", "invited_by"),
        "tab": "organisations",
    }
    return render(request, "accounts/organisations.html", context)


@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = NewOrganisationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = organisations.create_organisation(user=_user(request), **form.cleaned_data)
        except AccountError as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, f"{made.name} is ready. Invite its members.")
            return redirect("organisation-members", name=made.name)
    status = 400 if form.errors else 200
    return render(request, "accounts/organisation_new.html", {"form": form}, status=status)


@never_cache
@login_required
def members(request: HttpRequest, name: str) -> HttpResponse:
    """The members. POST: an owner invites somebody."""
    organisation = _joined(request, name)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            invitation = organisations.invite(
                user=_user(request), organisation=organisation, **form.cleaned_data
            )
        except AccountError as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, f"{invitation.user.username} is invited, and joins by accepting.")
            return redirect("organisation-members", name=organisation.name)
    context = _context(request, organisation, "members") | {
        "form": form,
        "members": organisation.memberships.select_related("user"),
        "invitations": organisation.invitations.select_related("user"),
        "roles": Role,
    }
    status = 400 if form.errors else 200
    return render(request, "accounts/organisation_members.html", context, status=status)


@require_POST
@login_required
def role(request: HttpRequest, name: str, username: str) -> HttpResponse:
    organisation = _joined(request, name)
    wanted = request.POST.get("role", "")
    if wanted not in Role.values:
        messages.error(request, "Choose one of the roles.")
        return redirect("organisation-members", name=organisation.name)
    try:
        organisations.set_role(user=_user(request), organisation=organisation, username=username, role=wanted)
    except AccountError as error:
        return _refused(request, organisation, error)
    messages.success(request, f"{username} is now {wanted}.")
    return redirect("organisation-members", name=organisation.name)


@require_POST
@login_required
def remove(request: HttpRequest, name: str, username: str) -> HttpResponse:
    organisation, user = _joined(request, name), _user(request)
    try:
        organisations.remove_member(user=user, organisation=organisation, username=username)
    except AccountError as error:
        return _refused(request, organisation, error)
    if username.lower() == user.username.lower():
        messages.success(request, f"You have left {organisation.name}.")
        return redirect("organisations")
    messages.success(request, f"{username} is no longer a member.")
    return redirect("organisation-members", name=organisation.name)


@require_POST
@login_required
def withdraw(request: HttpRequest, name: str, username: str) -> HttpResponse:
    organisation = _joined(request, name)
    try:
        organisations.withdraw_invitation(user=_user(request), organisation=organisation, username=username)
    except AccountError as error:
        return _refused(request, organisation, error)
    return redirect("organisation-members", name=organisation.name)


@require_POST
@login_required
def answer(request: HttpRequest, invitation_id: int) -> HttpResponse:
    accept = request.POST.get("answer") == "accept"
    try:
        organisation = organisations.answer_invitation(
            user=_user(request), invitation_id=invitation_id, accept=accept
        )
    except AccountError as error:
        raise Http404(str(error)) from error
    if accept:
        messages.success(request, f"You are a member of {organisation.name}.")
    return redirect("organisations")


@never_cache
@login_required
def settings_page(request: HttpRequest, name: str) -> HttpResponse:
    organisation = owned(request, name)
    initial = {"title": organisation.title, "about": organisation.about}
    form = OrganisationForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        organisations.update_organisation(user=_user(request), organisation=organisation, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("organisation-settings", name=organisation.name)
    context = _context(request, organisation, "settings") | {"form": form}
    return render(request, "accounts/organisation_settings.html", context, status=400 if form.errors else 200)


@never_cache
@login_required
def log(request: HttpRequest, name: str) -> HttpResponse:
    """Who did what in the organisation. For owners."""
    organisation = owned(request, name)
    page = audit.page_of(organisation.events.all(), request.GET.get("page"))
    return render(
        request, "accounts/organisation_log.html", _context(request, organisation, "log") | {"page": page}
    )


@require_POST
@login_required
def delete(request: HttpRequest, name: str) -> HttpResponse:
    organisation = owned(request, name)
    if request.POST.get("confirm") != organisation.name:
        messages.error(request, f"Nothing was deleted: type {organisation.name} to confirm.")
        return redirect("organisation-settings", name=organisation.name)
    try:
        organisations.delete_organisation(user=_user(request), organisation=organisation)
    except AccountError as error:
        messages.error(request, str(error))
        return redirect("organisation-settings", name=organisation.name)
    messages.success(request, f"{organisation.name} is deleted. Its name will not be used again.")
    return redirect("organisations")


def owned(request: HttpRequest, name: str) -> Namespace:
    """The organisation, or 404 for those who do not own it."""
    organisation = _joined(request, name)
    if not organisation.can_manage(request.user):
        raise Http404
    return organisation


def _joined(request: HttpRequest, name: str) -> Namespace:
    """The organisation, or 404 for those who are no members."""
    try:
        organisation = organisations.find_organisation(name)
    except AccountError as error:
        raise Http404(str(error)) from error
    if policy.role_in(organisation, request.user) is None:
        raise Http404
    return organisation


def _context(request: HttpRequest, organisation: Namespace, tab: str) -> dict[str, object]:
    return {"organisation": organisation, "tab": tab, "is_owner": organisation.can_manage(request.user)}


def _refused(request: HttpRequest, organisation: Namespace, error: AccountError) -> HttpResponse:
    """Back to the members, with what was wrong; 404 for those who should not have seen the button."""
    if error.status in (403, 404):
        raise Http404(str(error))
    messages.error(request, str(error))
    return redirect("organisation-members", name=organisation.name)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # by login_required
    return request.user
