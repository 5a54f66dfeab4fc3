"""Like a module, and take it back. Both may be said twice."""

from django.db import transaction
from django.db.models import QuerySet

from hub.accounts.models import User
from hub.community.models import Like
from hub.registry.models import Module, ModuleQuerySet
from hub.registry.services import RegistryError


def like(*, user: User, module: Module) -> int:
    """How many like it now. module: one that the user sees. Raises RegistryError forbidden (403) for a reading token."""
    return _set(user, module, liked=True)


def unlike(*, user: User, module: Module) -> int:
    """How many like it still. Raises as `like`."""
    return _set(user, module, liked=False)


@transaction.atomic
def _set(user: User, module: Module, *, liked: bool) -> int:
    if user.token is not None and user.token.scope != "write":
        raise RegistryError("forbidden", "Like modules signed in, or by a token that may write.", status=403)
    Module.objects.select_for_update().get(pk=module.pk)  # two at once count each other
    if liked:
        Like.objects.get_or_create(user=user, module=module)
    else:
        Like.objects.filter(user=user, module=module).delete()
    count = module.liked_by.count()
    Module.objects.filter(pk=module.pk).update(likes=count)
    module.likes = count
    return count


def likes(user: object, module: Module) -> bool:
    """Whether this visitor likes the module."""
    return isinstance(user, User) and module.liked_by.filter(user=user).exists()


def likers(module: Module) -> QuerySet[User]:
    """The people who like the module, the latest first."""
    return User.objects.filter(liked__module=module, is_active=True).order_by("-liked__created_at", "-pk")


def liked_modules(person: User, visitor: object) -> ModuleQuerySet:
    """What the person likes, as far as the visitor may see it, the latest first."""
    rows = Module.objects.visible_to(visitor).filter(liked_by__user=person)
    return rows.order_by("-liked_by__created_at", "-pk")
