"""Changes to a module that is there: metadata, visibility, deletion."""

from django.db import transaction
from django.utils import timezone

from composer.adapter_files import inspect_adapter
from composer.errors import AdapterError
from hub.accounts.models import User
from hub.registry.models import Module
from hub.registry.services.base_models import find_base_model, require_fit
from hub.registry.services.errors import PublishError, RegistryError
from hub.registry.services.materialize import materialize
from hub.registry.services.metadata import ModuleMetadata, metadata_problems
from hub.registry.services.search_index import refresh_search


def metadata_of(module: Module) -> ModuleMetadata:
    """What is said about the module now."""
    return ModuleMetadata(
        summary=module.summary,
        task=module.task,
        tags=tuple(module.tags),
        languages=tuple(module.languages),
        license=module.license,
        dataset=module.dataset,
        prompt_template=module.prompt_template,
        base_model=module.base_model_name,
    )


@transaction.atomic
def update_module(*, user: User, module: Module, metadata: ModuleMetadata, private: bool) -> Module:
    """Change what is said about a module and who sees it; its files stay. Raises PublishError."""
    require_write(user, module)
    if problems := metadata_problems(metadata):
        raise PublishError.of(problems)
    locked = (
        Module.objects.select_for_update(of=("self",)).select_related("namespace", "head").get(pk=module.pk)
    )
    if metadata.base_model != locked.base_model_name:
        base_model = find_base_model(metadata.base_model)
        if base_model is not None and locked.head is not None:
            try:
                require_fit(inspect_adapter(materialize(locked.head)), base_model)
            except AdapterError as error:
                raise PublishError(error.code, str(error), "base_model") from error
        locked.base_model = base_model
        locked.base_model_label = base_model.model_id if base_model else metadata.base_model
    locked.summary = metadata.summary
    locked.task = metadata.task
    locked.tags = list(metadata.tags)
    locked.languages = list(metadata.languages)
    locked.license = metadata.license
    locked.dataset = metadata.dataset
    locked.prompt_template = metadata.prompt_template
    locked.is_private = private
    locked.save()
    refresh_search(locked)
    return locked


def set_visibility(*, user: User, module: Module, private: bool) -> None:
    """Who sees the module. Raises RegistryError forbidden (403)."""
    require_write(user, module)
    Module.objects.filter(pk=module.pk).update(is_private=private, updated_at=timezone.now())


@transaction.atomic
def delete_module(*, user: User, module: Module) -> None:
    """Take the module away from everybody. The row and the name stay (nobody can be tricked by a new module of an old name),
    and its revisions stay for the jobs and compositions that point at them. A module that was never more than a draft goes
    altogether: nobody else has seen it."""
    require_write(user, module)
    if module.is_draft and not module.revisions.filter(is_complete=True).exists():
        module.refs.all().delete()
        module.delete()
        return
    Module.objects.filter(pk=module.pk, deleted_at=None).update(
        deleted_at=timezone.now(), search_vector=None, search_text=""
    )


def require_write(user: User, module: Module) -> None:
    """Raise RegistryError forbidden (403) unless the user may change the module."""
    if not module.can_write(user):
        raise RegistryError("forbidden", f"{module.full_name} belongs to somebody else.", status=403)
