"""The base model that a worker's child keeps in memory between jobs. Loads torch: worker only."""

import logging
import threading

from transformers.utils import logging as transformers_logging

from composer.base_model import BaseModel as LoadedModel
from composer.base_model import load_base_model, parameters_digest
from hub.registry.models import BaseModel

log = logging.getLogger(__name__)
transformers_logging.disable_progress_bar()  # a worker's log is no terminal

# One is kept: (fingerprint of its files, the model, digest of its parameters as loaded).
_warm: tuple[str, LoadedModel, str] | None = None
_one_at_a_time = threading.Lock()


def base_model(row: BaseModel) -> LoadedModel:
    """The registered base model, ready to use. A warm one whose parameters were changed by anything is loaded afresh.

    Raises BaseModelError if its files cannot be read.
    """
    with _one_at_a_time:
        return _load(row)


def preload() -> None:
    """Load the default base model before the first job asks for it."""
    row = BaseModel.objects.filter(is_default=True).first()
    if row is not None:
        base_model(row)


def _load(row: BaseModel) -> LoadedModel:
    global _warm
    if _warm is not None:
        fingerprint, model, digest = _warm
        if fingerprint == row.fingerprint:
            if parameters_digest(model.model) == digest:
                return model
            log.error("the warm base model %s was changed in memory; it is loaded afresh", row.model_id)
        _warm = None  # let go of the old one before the new one needs the memory
    model = load_base_model(row.folder, fingerprint=row.fingerprint)
    model.model_id = row.model_id
    _warm = (row.fingerprint, model, parameters_digest(model.model))
    return model
