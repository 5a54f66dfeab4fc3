"""Which base models the hub knows. Torch-free: the command describes the model, this stores it."""

import logging
from collections.abc import Mapping
from typing import Protocol

from django.db import transaction

from composer.adapter_files import AdapterInfo, check_fits, inspect_adapter
from composer.errors import AdapterError
from hub.registry.models import BaseModel, Module
from hub.registry.services.materialize import materialize
from hub.registry.storage import FileCorrupt

log = logging.getLogger(__name__)


class Description(Protocol):
    """composer.base_model.BaseModelDescription, which cannot be imported without torch."""

    @property
    def model_id(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def layers(self) -> dict[str, tuple[int, int]]: ...
    @property
    def parameters(self) -> int: ...
    @property
    def context_length(self) -> int: ...


@transaction.atomic
def register_base_model(description: Description, *, folder: str, default: bool = False) -> BaseModel:
    """The row of this base model, made or renewed. Modules that named it before are attached to it if they fit."""
    if default:
        BaseModel.objects.filter(is_default=True).exclude(model_id=description.model_id).update(
            is_default=False
        )
    values = {
        "revision": description.revision,
        "architecture": description.architecture,
        "fingerprint": description.fingerprint,
        "layers": {name: list(shape) for name, shape in description.layers.items()},
        "parameters": description.parameters,
        "context_length": description.context_length,
        "folder": folder,
    }
    if default:
        values["is_default"] = True
    base_model, _ = BaseModel.objects.update_or_create(model_id=description.model_id, defaults=values)
    waiting = Module.objects.filter(
        base_model=None, base_model_label__iexact=base_model.model_id, head__isnull=False, deleted_at=None
    )
    for module in waiting.select_related("head", "namespace"):
        assert module.head is not None
        try:
            require_fit(inspect_adapter(materialize(module.head)), base_model)
        except (AdapterError, FileCorrupt) as error:
            log.warning(
                "%s names %s, but is not attached to it: %s", module.full_name, base_model.model_id, error
            )
            continue
        Module.objects.filter(pk=module.pk).update(
            base_model=base_model, base_model_label=base_model.model_id
        )
    return base_model


def find_base_model(model_id: str) -> BaseModel | None:
    """The registered base model of this id, whatever the case."""
    return BaseModel.objects.filter(model_id__iexact=model_id).first() if model_id else None


def require_fit(info: AdapterInfo, base_model: BaseModel) -> None:
    """Raise AdapterError `does_not_fit_base` unless every layer of the adapter is one of the base model."""
    layers: Mapping[str, tuple[int, int]] = {
        name: (shape[0], shape[1]) for name, shape in base_model.layers.items()
    }
    check_fits(info, layers)
