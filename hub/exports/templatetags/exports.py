"""The exports of a revision, for the module's page, which knows nothing of this app."""

from typing import Any

from django import template

from hub.exports.views import export_context
from hub.registry.models import Revision

register = template.Library()


@register.inclusion_tag("exports/_exports.html", takes_context=True)
def exports_of(context: dict[str, Any], revision: Revision) -> dict[str, Any]:
    shared = {name: context.get(name) for name in ("request", "user", "csrf_token")}
    return shared | export_context(revision)
