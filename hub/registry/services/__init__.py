"""Everything that the rest of the hub does with modules. Import from here."""

from hub.registry.services.base_files import BaseFile, BaseFiles, base_files
from hub.registry.services.base_models import find_base_model, register_base_model
from hub.registry.services.branches import create_ref, delete_ref
from hub.registry.services.candidates import Candidate, candidates_for, rank_modules
from hub.registry.services.commits import Changes, commit_changes, create_draft
from hub.registry.services.downloads import count_download
from hub.registry.services.errors import Problem, PublishError, RegistryError
from hub.registry.services.evaluation_data import EvaluationData
from hub.registry.services.gates import (
    decide_access,
    request_access,
    require_download,
    set_gate,
)
from hub.registry.services.materialize import materialize
from hub.registry.services.metadata import ModuleMetadata, split_list
from hub.registry.services.modules import (
    delete_module,
    metadata_of,
    require_manage,
    require_write,
    set_visibility,
    update_module,
)
from hub.registry.services.names import is_free, move_module, restore_module
from hub.registry.services.publish import publish_revision
from hub.registry.services.refs import (
    find_file,
    find_module,
    find_revision,
    is_renamed,
    resolve_module_ref,
    split_ref,
)
from hub.registry.services.yank import unyank_revision, yank_revision

__all__ = [
    "BaseFile",
    "BaseFiles",
    "Candidate",
    "Changes",
    "EvaluationData",
    "ModuleMetadata",
    "Problem",
    "PublishError",
    "RegistryError",
    "base_files",
    "candidates_for",
    "commit_changes",
    "count_download",
    "create_draft",
    "create_ref",
    "decide_access",
    "delete_module",
    "delete_ref",
    "find_base_model",
    "find_file",
    "find_module",
    "find_revision",
    "is_free",
    "is_renamed",
    "materialize",
    "metadata_of",
    "move_module",
    "publish_revision",
    "rank_modules",
    "register_base_model",
    "request_access",
    "require_download",
    "require_manage",
    "require_write",
    "resolve_module_ref",
    "restore_module",
    "set_gate",
    "set_visibility",
    "split_list",
    "split_ref",
    "unyank_revision",
    "update_module",
    "yank_revision",
]
