"""Changes to a module that is there: metadata, visibility, deletion."""

import tempfile
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from composer.adapter_files import inspect_adapter
from composer.errors import AdapterError
from composer.examples import Example
from hub.accounts.models import User
from hub.accounts.policy import Action, can, role_in
from hub.registry.models import Evaluation, Module
from hub.registry.services.base_models import find_base_model, require_fit
from hub.registry.services.card_header import write_card as with_header
from hub.registry.services.checks import CARD
from hub.registry.services.errors import PublishError, RegistryError
from hub.registry.services.evaluation_data import evaluations_of
from hub.registry.services.log import note
from hub.registry.services.materialize import materialize
from hub.registry.services.metadata import ModuleMetadata, metadata_problems
from hub.registry.services.search_index import refresh_search
from hub.registry.storage import open_blob


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
        prompt_format=module.prompt_format,
        system_prompt=module.system_prompt,
        base_model=module.base_model_name,
        samples=tuple(Example(**row) for row in module.samples),
    )


@transaction.atomic
def update_module(
    *,
    user: User,
    module: Module,
    metadata: ModuleMetadata,
    private: bool,
    card: str | None = None,
    write_card: bool = True,
) -> Module:
    """Change what is said about a module and who sees it. Raises PublishError.

    card: another text of the card, below its header. If the module has a card, what is said goes into its header too, as a
    new revision; not if write_card is False.
    """
    require_write(user, module)
    if private != module.is_private:
        require_manage(user, module)
    if problems := metadata_problems(metadata):
        raise PublishError.of(problems)
    if write_card:
        rewrite_card(user=user, module=module, metadata=metadata, body=card)
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
    locked.prompt_format = metadata.prompt_format or "plain"
    locked.system_prompt = metadata.system_prompt
    locked.samples = metadata.sample_rows
    note("module.update", locked, user)
    if locked.is_private != private:
        note("module.visibility", locked, user, visibility="private" if private else "public")
    locked.is_private = private
    locked.save()
    refresh_search(locked)
    return locked


@transaction.atomic
def set_visibility(*, user: User, module: Module, private: bool) -> None:
    """Who sees the module. Raises RegistryError forbidden (403)."""
    require_manage(user, module)
    changed = Module.objects.filter(pk=module.pk, is_private=not private)
    if changed.update(is_private=private, updated_at=timezone.now()):
        note("module.visibility", module, user, visibility="private" if private else "public")


@transaction.atomic
def delete_module(*, user: User, module: Module) -> None:
    """Take the module away from everybody. The row stays as a tombstone: for a time its owner can restore it and nobody gets
    its name, so that nobody is tricked by a new module of an old name. Revisions stay for the jobs and compositions that
    point at them. A module that was never more than a draft goes altogether: nobody else has seen it."""
    require_manage(user, module)
    if module.is_draft and not module.revisions.filter(is_complete=True).exists():
        note("module.delete", module, user)
        module.refs.all().delete()
        module.delete()
        return
    Module.objects.filter(pk=module.pk, deleted_at=None).update(
        deleted_at=timezone.now(), search_vector=None, search_text=""
    )
    note("module.delete", module, user)


def rewrite_card(*, user: User, module: Module, metadata: ModuleMetadata, body: str | None) -> None:
    """A new revision whose README.md says what the metadata says; none if it does already, or if there is no card."""
    from hub.registry.services.publish import publish_revision  # which builds on this file

    head = module.head
    assert head is not None  # visible modules have one
    file = head.files.select_related("blob").filter(path=CARD).first()
    if file is None and not body:
        return
    before = ""
    if file is not None:
        with open_blob(file.blob) as stream:
            before = stream.read().decode("utf-8", "replace").removeprefix("\ufeff")
    after = with_header(before, metadata, body)
    if after == before:
        return
    folder = materialize(head)
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as place:
        path = Path(place) / CARD
        path.write_text(after, encoding="utf-8")
        publish_revision(
            user=user,
            namespace=module.namespace,
            name=module.name,
            files={other.path: folder / other.path for other in head.files.all()} | {CARD: path},
            metadata=metadata,
            message="Edit the card",
            parents=[(row.parent, row.weight) for row in head.parents.select_related("parent")],
            evaluations=evaluations_of(head, Evaluation.Source.MEASURED),
            create=False,
        )


def require_write(user: User, module: Module) -> None:
    """Raise RegistryError forbidden (403) unless the user may change the module."""
    _require(user, Action.WRITE, module)


def require_manage(user: User, module: Module) -> None:
    """Raise RegistryError forbidden (403) unless the user may rename or delete the module and decide who sees it."""
    _require(user, Action.MANAGE, module)


def _require(user: User, action: Action, module: Module) -> None:
    if can(user, action, module):
        return
    if user.token is not None and module.deleted_at is None and role_in(module.namespace, user):
        detail = f"This token may not do that with {module.full_name}."
    else:
        detail = f"{module.full_name} belongs to somebody else."
    raise RegistryError("forbidden", detail, status=403)
