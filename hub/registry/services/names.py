"""Names of modules over time: taken, changed, kept after deletion, given back."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from hub.accounts.models import Namespace, User
from hub.accounts.names import name_error
from hub.accounts.policy import Action, may
from hub.registry.models import Module, ModuleAlias, ModuleQuerySet
from hub.registry.services.errors import PublishError, RegistryError
from hub.registry.services.log import note
from hub.registry.services.modules import require_manage
from hub.registry.services.quotas import lock_namespace, require_quota
from hub.registry.services.search_index import refresh_search


def why_taken(namespace: Namespace, name: str, *, but: Module | None = None) -> str | None:
    """A sentence if the name cannot be given to a new module (or to `but`, which may take back a name it had)."""
    full_name = f"{namespace.name}/{name}"
    if Module.objects.filter(namespace=namespace, name__iexact=name, deleted_at=None).exists():
        return f"The name {full_name} is taken. Choose another name."
    alias = ModuleAlias.objects.filter(namespace=namespace, name__iexact=name).exclude(module=but).first()
    if alias is not None and alias.module.deleted_at is None:
        return f"The name {full_name} leads to {alias.module.full_name}, which had it before. Choose another name."
    tombstone = tombstones(namespace).filter(name__iexact=name).first()
    if tombstone is not None:
        until = keeps_name_until(tombstone)
        return (
            f"The name {full_name} was used by a module that has been deleted, and is kept until {until}: "
            "restore it, or choose another name."
        )
    return None


def is_free(namespace: Namespace, name: str) -> bool:
    return why_taken(namespace, name) is None


def tombstones(namespace: Namespace) -> ModuleQuerySet:
    """The deleted modules that can be restored, the last deleted first."""
    since = timezone.now() - timedelta(days=settings.HUB_TOMBSTONE_DAYS)
    rows = Module.objects.filter(namespace=namespace, deleted_at__gt=since).select_related("namespace")
    return rows.order_by("-deleted_at")


def keeps_name_until(module: Module) -> str:
    """The last day of a deleted module's tombstone, such as 3 Mar 2027."""
    assert module.deleted_at is not None
    last = module.deleted_at + timedelta(days=settings.HUB_TOMBSTONE_DAYS)
    return f"{last.day} {last:%b %Y}"


def move_module(*, user: User, module: Module, namespace: Namespace, name: str) -> Module:
    """Give it another name, in the same namespace or in another one; the old name leads to it from then on.

    Raises RegistryError forbidden; PublishError bad_name, name_taken (409), quota_exceeded.
    """
    require_manage(user, module)
    before = module.full_name
    if not may(user, Action.WRITE, namespace):
        raise RegistryError("forbidden", f"You may not publish as {namespace.name}.", status=403)
    if problem := name_error(name):
        raise PublishError("bad_name", problem, "name")
    is_respelled = namespace.pk == module.namespace_id and name.lower() == module.name.lower()
    if not is_respelled and (why := why_taken(namespace, name, but=module)):
        raise PublishError("name_taken", why, "name", status=409)
    if namespace.pk != module.namespace_id:
        require_quota(namespace, modules=1)
    try:
        with transaction.atomic():
            lock_namespace(namespace)
            moved = (
                Module.objects.select_for_update(of=("self",)).select_related("namespace").get(pk=module.pk)
            )
            if not is_respelled:
                ModuleAlias.objects.filter(namespace=namespace, name__iexact=name).delete()
                ModuleAlias.objects.update_or_create(
                    namespace=moved.namespace, name=moved.name, defaults={"module": moved}
                )
            old = moved.namespace
            moved.namespace, moved.name = namespace, name
            moved.save(update_fields=["namespace", "name", "updated_at"])
            require_quota(namespace)
            refresh_search(moved)
            note("module.rename", moved, user, before=before)
            if old.pk != namespace.pk:  # in the log of both
                moved.namespace = old
                note("module.rename", moved, user, before=before, to=f"{namespace.name}/{name}")
                moved.namespace = namespace
    except IntegrityError as error:
        raise PublishError(
            "name_taken", f"The name {namespace.name}/{name} is taken.", "name", status=409
        ) from error
    return moved


@transaction.atomic
def restore_module(*, user: User, namespace: Namespace, name: str) -> Module:
    """Take back a deletion. Raises RegistryError unknown_module (404), name_taken (409), quota_exceeded."""
    module = None
    if "\0" not in name and may(user, Action.MANAGE, namespace):
        rows = tombstones(namespace).select_for_update(of=("self",))
        module = rows.filter(name__iexact=name).first()
    if module is None:
        detail = (
            f"There is no deleted module {namespace.name}/{ascii(name)[1:-1][:96]} that could be restored."
        )
        raise RegistryError("unknown_module", detail, status=404)
    if Module.objects.filter(namespace=namespace, name__iexact=name, deleted_at=None).exists():
        raise RegistryError("name_taken", f"{module.full_name} is another module now.", status=409)
    lock_namespace(namespace)
    module.deleted_at = None
    module.save(update_fields=["deleted_at", "updated_at"])
    require_quota(namespace)
    refresh_search(module)
    note("module.restore", module, user)
    return module
