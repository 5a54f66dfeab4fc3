"""Publishing: files are checked, stored, and only then become a revision. Every way in ends here."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from hub.accounts.models import Namespace, User
from hub.accounts.names import name_error
from hub.registry import storage
from hub.registry.models import File, Module, Parent, Ref, Revision
from hub.registry.services.checks import Checked, check_files, file_problems
from hub.registry.services.errors import Problem, PublishError
from hub.registry.services.evaluation_data import EvaluationData, add_evaluations, evaluation_problems
from hub.registry.services.log import note
from hub.registry.services.metadata import ModuleMetadata, metadata_problems
from hub.registry.services.names import why_taken
from hub.registry.services.quotas import lock_namespace, require_disk, require_quota
from hub.registry.services.refs import MAIN
from hub.registry.services.search_index import refresh_search


def publish_revision(
    *,
    user: User,
    namespace: Namespace,
    name: str,
    files: Mapping[str, Path],
    metadata: ModuleMetadata,
    message: str = "",
    private: bool = False,
    parents: Sequence[tuple[Revision, float]] = (),
    evaluations: Sequence[EvaluationData] = (),
    create: bool = True,
) -> Revision:
    """Make the module `namespace/name` with these files; with create=False, a new revision of the one that is there.

    files: path inside the module -> a file on disk. What `metadata` leaves empty is taken from the card's front matter.
    All or nothing: raises PublishError with every problem, before anything is stored. Of two that make the same name at once
    one gets it, the other `name_taken` (409).
    """
    problems = _request_problems(user, namespace, name, files, message, create)
    problems += metadata_problems(metadata) + evaluation_problems(evaluations)
    if problems:
        raise PublishError.of(problems)
    require_disk()
    sizes = sum(path.stat().st_size for path in files.values())
    require_quota(namespace, sizes, modules=int(create))  # before the work; counted once more under a lock
    with storage.staged(files) as (folder, staged):
        checked = check_files(folder, metadata)
        in_order = sorted(staged, key=lambda file: file.sha256)  # of their locks
        blobs = [(file.name, storage.store(file)) for file in in_order]
    try:
        with transaction.atomic():
            lock_namespace(namespace)
            module = _module(namespace, name, private) if create else _locked(namespace, name)
            number, main = _newest(module)
            revision = new_revision(module, user, checked, message, blobs, parent=main, number=number + 1)
            Parent.objects.bulk_create(
                Parent(child=revision, parent=parent, weight=weight) for parent, weight in parents
            )
            given = {(row.name, row.metric) for row in evaluations}
            claimed = [row for row in checked.claimed if (row.name, row.metric) not in given]
            add_evaluations(revision, [*evaluations, *claimed])
            set_head(module, revision, checked)
            Ref.objects.update_or_create(
                module=module, name=MAIN, defaults={"kind": Ref.Kind.BRANCH, "revision": revision}
            )
            require_quota(namespace)
            note("module.create" if create else "module.revision", module, user, number=revision.number)
    except IntegrityError as error:
        if create and (why := why_taken(namespace, name)):
            raise PublishError("name_taken", why, "name", status=409) from error
        raise
    return revision


def _request_problems(
    user: User, namespace: Namespace, name: str, files: Mapping[str, Path], message: str, create: bool
) -> list[Problem]:
    problems = []
    if create:
        allowed = namespace.can_write(user)
    else:  # a token may be for this module alone
        module = Module.objects.filter(namespace=namespace, name__iexact=name, deleted_at=None).first()
        allowed = module is None or module.can_write(user)
    if not allowed:
        problems.append(Problem("namespace", "forbidden", f"You may not publish as {namespace.name}.", 403))
    if wrong := name_error(name):
        problems.append(Problem("name", "bad_name", wrong))
    elif create and (why := why_taken(namespace, name)):
        problems.append(Problem("name", "name_taken", why, 409))
    if len(message) > 200 or not message.isprintable():
        problems.append(
            Problem("message", "bad_metadata", "The message must be one line of at most 200 characters.")
        )
    return problems + file_problems(files)


def _module(namespace: Namespace, name: str, private: bool) -> Module:
    module = Module(namespace=namespace, name=name, is_private=private)
    module.save(force_insert=True)
    return module


def _locked(namespace: Namespace, name: str) -> Module:
    """The module to add a revision to, locked so that numbers stay in order."""
    rows = Module.objects.select_for_update(of=("self",)).select_related("namespace")
    module = rows.filter(namespace=namespace, name__iexact=name, deleted_at=None).first()
    if module is None:
        raise PublishError(
            "unknown_module", f"There is no module {namespace.name}/{name}.", "name", status=404
        )
    return module


def _newest(module: Module) -> tuple[int, Revision | None]:
    """(the highest number so far, the revision at `main`)."""
    number = module.revisions.order_by("-number").values_list("number", flat=True).first() or 0
    main = module.refs.filter(name=MAIN).select_related("revision").first()
    return number, main.revision if main else module.head


def new_revision(
    module: Module,
    user: User,
    checked: Checked,
    message: str,
    blobs: Sequence[tuple[str, Any]],
    *,
    parent: Revision | None,
    number: int,
    description: str = "",
) -> Revision:
    """The row of a complete revision and those of its files. The module's row is locked."""
    info = checked.info
    revision = Revision.objects.create(
        module=module,
        commit=commit_id(module, number, parent.commit if parent else "", blobs),
        number=number,
        message=message or ("First revision" if number == 1 else f"Revision {number}"),
        description=description,
        parent=parent,
        author=user,
        card=checked.card,
        peft_type=info.config.peft_type,
        rank=info.rank,
        alpha=info.config.alpha,
        targets=info.targets,
        parameters=info.parameters,
        dtype=info.dtype,
        parameters_by_dtype=dict(info.by_dtype),
        size=info.size,
        # A job has the base model at hand, which is all that a DoRA adapter lacks.
        composable=info.composable_on_base,
        not_composable_reason="" if info.composable_on_base else info.reason,
        not_composable_code="" if info.composable_on_base else info.code,
    )
    File.objects.bulk_create(File(revision=revision, path=path, blob=blob) for path, blob in blobs)
    return revision


def commit_id(module: Module, number: int, previous: str, blobs: Sequence[tuple[str, Any]]) -> str:
    """40 hex digits that depend on the files, their module, the revision before and the time."""
    content = [
        module.pk,
        number,
        previous,
        timezone.now().isoformat(),
        [[path, blob.sha256] for path, blob in sorted(blobs, key=lambda b: b[0])],
    ]
    return hashlib.sha1(json.dumps(content).encode(), usedforsecurity=False).hexdigest()


def set_head(module: Module, revision: Revision, checked: Checked) -> None:
    """`main` is this revision now, and the module is what it says."""
    metadata = checked.metadata
    module.head = revision
    module.base_model = checked.base_model
    module.base_model_label = checked.label
    module.summary = metadata.summary
    module.task = metadata.task
    module.tags = list(metadata.tags)
    module.languages = list(metadata.languages)
    module.license = metadata.license
    module.dataset = metadata.dataset
    module.prompt_template = metadata.prompt_template
    module.prompt_format = metadata.prompt_format or "plain"
    module.system_prompt = metadata.system_prompt
    module.samples = metadata.sample_rows
    module.save()
    refresh_search(module)
