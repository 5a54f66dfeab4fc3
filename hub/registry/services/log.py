"""Lines in the owners' log about modules."""

from hub.accounts import audit
from hub.accounts.models import User
from hub.registry.models import Module


def note(action: str, module: Module, actor: User | None, **details: str | int) -> None:
    """Who did what to the module, in the log of its namespace. actor None: the hub itself."""
    audit.record(
        action,
        actor=actor,
        namespace=module.namespace,
        subject=module.full_name,
        module=module.pk,
        **details,
    )
