"""Sign up, sign in, tokens, password. The public profile belongs to the registry's catch-all."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from hub.accounts import audit, services
from hub.accounts.forms import SignInForm, SignUpForm, TokenForm
from hub.accounts.models import AccessToken, User


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go before signing up; never another host."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else ""


def signup(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("/")
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        if user is not None:
            login(request, user)
            messages.success(request, f"Welcome, {user.username}. Your account is ready.")
            return redirect(_next(request) or "/")
    return render(request, "accounts/signup.html", {"form": form, "next": _next(request)})


class SignIn(LoginView):
    template_name = "accounts/signin.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


@login_required
def settings_home(request: HttpRequest) -> HttpResponse:
    return redirect("tokens")


@never_cache
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    """The user's tokens. POST makes one; its text is in this one answer and nowhere else."""
    assert isinstance(request.user, User)  # by login_required
    form = TokenForm(request.POST if request.method == "POST" else None)
    made = form.save(request.user) if form.is_valid() else None
    if made is not None:
        form = TokenForm()
    new, plaintext = made or (None, None)
    found = AccessToken.objects.filter(user=request.user).prefetch_related(
        "grants__namespace", "grants__module__namespace"
    )
    context = {"form": form, "tokens": found, "new": new, "plaintext": plaintext, "tab": "tokens"}
    return render(request, "accounts/tokens.html", context, status=200 if not form.errors else 400)


@require_POST
@login_required
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    assert isinstance(request.user, User)  # by login_required
    if not services.revoke_token(user=request.user, token_id=token_id):
        raise Http404
    messages.success(request, "The token is revoked. Programs that used it can no longer sign in.")
    return redirect("tokens")


@never_cache
@login_required
def log(request: HttpRequest) -> HttpResponse:
    """Who did what to my modules and tokens."""
    assert isinstance(request.user, User)  # by login_required
    page = audit.page_of(request.user.namespace.events.all(), request.GET.get("page"))
    return render(request, "accounts/log.html", {"page": page, "tab": "log"})


class ChangePassword(SuccessMessageMixin, LoginRequiredMixin, PasswordChangeView):
    template_name = "accounts/password.html"
    success_url = reverse_lazy("password")
    success_message = "Your password is changed."
    extra_context = {"tab": "password"}
