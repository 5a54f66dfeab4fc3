"""The like button, who likes a module, and what a person likes. A stranger's private module answers 404."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.models import User
from hub.community import services
from hub.registry.cards import cards, lean
from hub.registry.views.module import visible_module

PAGE_SIZE = 24
PEOPLE = 100


@require_POST
@login_required
def like(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """`like=1` or `like=0`, so that a form sent twice says the same twice."""
    assert isinstance(request.user, User)
    module = visible_module(request, owner, name)
    change = services.unlike if request.POST.get("like") == "0" else services.like
    change(user=request.user, module=module)
    if request.headers.get("HX-Request") == "true":
        context = {"module": module, "liked": services.likes(request.user, module)}
        return render(request, "community/_like.html", context)
    return redirect(module)


@require_safe
def likers(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    module = visible_module(request, owner, name)
    page = Paginator(services.likers(module).select_related("namespace"), PEOPLE).get_page(
        request.GET.get("page")
    )
    return render(request, "community/likers.html", {"module": module, "page": page})


@require_safe
def liked(request: HttpRequest, name: str) -> HttpResponse:
    person = get_object_or_404(User, username__iexact=name.replace("\0", ""), is_active=True)
    rows = services.liked_modules(person, request.user)
    page = Paginator(lean(rows), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"person": person, "page": page, "cards": cards(page.object_list)}
    return render(request, "community/liked.html", context)
