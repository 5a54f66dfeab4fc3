"""The like button of a module, for the registry's pages, which know nothing of this app."""

from typing import Any

from django import template

from hub.community.services import likes
from hub.registry.models import Module

register = template.Library()


@register.inclusion_tag("community/_like.html", takes_context=True)
def like_button(context: dict[str, Any], module: Module) -> dict[str, Any]:
    shared = {name: context.get(name) for name in ("request", "user", "csrf_token")}
    return shared | {"module": module, "liked": likes(context.get("user"), module)}
