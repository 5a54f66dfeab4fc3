"""Makes one export. Loads torch: worker only."""

import logging
import tempfile
import zipfile
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

from composer.adapters import load_adapter
from composer.errors import ComposerError
from composer.export import gguf_lora, merged_model
from hub.exports.models import Export
from hub.exports.services import claim, finish
from hub.jobs import warm
from hub.jobs.preflight import sentence_of
from hub.registry.services import materialize
from hub.registry.storage import FileCorrupt

log = logging.getLogger(__name__)


def make_export(export_id: int) -> None:
    """Make the file and say so, or say why not. Safe to call twice."""
    export = claim(export_id)
    if export is None:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="export-") as place:
            path = _write(export, Path(place))
            size = path.stat().st_size
            with path.open("rb") as stream:
                name = f"exports/{export.pk}-{export.attempt}-{export.file_name}"
                stored_as = default_storage.save(name, File(stream))
    except ComposerError as error:
        finish(export, error=sentence_of(error))
    except FileCorrupt as error:
        log.error("export %s: %s", export.pk, error)
        finish(export, error="A stored file of this module is damaged; its owner can upload it again.")
    except Exception:
        log.exception("export %s failed", export.pk)
        finish(
            export, error=f"Something went wrong on our side. It is in the hub's log as export {export.pk}."
        )
    else:
        if not finish(export, stored_as=stored_as, size=size):
            default_storage.delete(stored_as)


def _write(export: Export, place: Path) -> Path:
    """The file of an export, in the folder."""
    revision = export.revision
    row = revision.module.base_model
    if row is None:
        raise ComposerError("its base model is no longer on this hub")
    base = warm.base_model(row)
    adapter = load_adapter(materialize(revision), name=revision.module.full_name, base=base)
    path = place / export.file_name
    if export.format == Export.Format.GGUF:
        gguf_lora(adapter, path, base.model.config)
        return path
    folder = place / "merged"
    merged_model(base, adapter, folder, dtype=base.dtype)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # weights do not get smaller by it
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{revision.module.name}/{file.name}")
    return path
