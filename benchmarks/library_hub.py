"""A hub of its own with the library of benchmarks.library in it: words, vectors and sketches as a real hub stores them.

Import it before anything of Django or the hub: it makes the settings point to a new folder.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA = Path(tempfile.mkdtemp(prefix="lora-hub-bench-"))
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "hub.settings",
    "HUB_DATA": str(DATA),
    "DATABASE_URL": "",
    "HUB_STATIC_HASHED": "0",
}

import django  # noqa: E402

from benchmarks.library import Entry, make, rotated  # noqa: E402
from composer.adapters import load_adapter  # noqa: E402
from composer.sketch import sketch_adapter  # noqa: E402


def start_hub(sentence_model: Path | None) -> None:
    """Start a PostgreSQL with the hub's tables; the sentence model is copied from its folder, or fetched."""
    from hub import embedded

    embedded.ensure_running(DATA)
    django.setup()
    from django.core.management import call_command

    from hub.registry import embedding_model

    call_command("migrate", verbosity=0)
    if sentence_model:
        shutil.copytree(sentence_model, embedding_model.folder_in(DATA))
    embedding_model.prepare(DATA, lambda text: print(text, file=sys.stderr))


def stop_hub() -> None:
    from hub import embedded

    embedded.stop(DATA)
    shutil.rmtree(DATA, ignore_errors=True)


def sketches_of(entries: Sequence[Entry], folders: Sequence[Path]) -> list[NDArray[np.float32]]:
    """The sketch of every module, made of its own factors: a rotated copy's of the rotated ones."""
    originals = {folder.name: load_adapter(folder) for folder in folders}
    functions: dict[str, Any] = {}
    found = []
    for entry in entries:
        name, _, kind = entry.function.partition("/")
        if entry.function not in functions:
            functions[entry.function] = make(originals[name], kind)
        found.append(sketch_adapter(rotated(functions[entry.function], entry.rotation)))
    return found


def store_library(entries: Sequence[Entry]) -> Any:
    """The library as modules of a new base model, which is returned: module m7 is entry 7, and no name tells anything.

    The words are those of the entry's folder, as is what its vectors are made of. No module has files: every copy counts as
    saved anew, so that none is known by its bytes.
    """
    from hub.accounts.services import create_user
    from hub.registry.folders import module_words
    from hub.registry.models import BaseModel, Module, ModuleVector, SampleVector
    from hub.registry.services.search_index import refresh_search
    from hub.registry.services.vectors import about, embedder

    namespace = create_user("library").namespace
    base_model = BaseModel.objects.create(
        model_id="bench/base", architecture="causal", fingerprint="0", layers={}, parameters=1,
        context_length=1, folder="/",
    )  # fmt: skip
    model = embedder()
    if model is None:
        raise SystemExit("the sentence model cannot be read")
    vectors: dict[Path, Any] = {}
    for number, entry in enumerate(entries):
        metadata = module_words(entry.words)
        module = Module.objects.create(
            namespace=namespace,
            name=f"m{number}",
            base_model=base_model,
            base_model_label=base_model.model_id,
            summary=metadata.summary,
            task=metadata.task,
            tags=list(metadata.tags),
            prompt_template=metadata.prompt_template,
            samples=metadata.sample_rows,
        )
        with_head(module)
        refresh_search(module)
        module.name = entry.words.name  # a real module's name is part of what it is about
        if entry.words not in vectors:
            vectors[entry.words] = (model.embed([about(module)])[0], model.embed_rows(metadata.samples))
        of_words, of_rows = vectors[entry.words]
        ModuleVector.objects.create(module=module, about=of_words)
        SampleVector.objects.bulk_create(SampleVector(module=module, row=row) for row in of_rows)
    analyze()
    return base_model


def store_sketches(sketches: Sequence[NDArray[np.float32]]) -> None:
    from hub.registry.models import Module, Sketch

    heads = {int(name[1:]): head for name, head in Module.objects.values_list("name", "head_id")}
    Sketch.objects.bulk_create(
        Sketch(revision_id=heads[i], direction=s / np.linalg.norm(s), length=float(np.linalg.norm(s)))
        for i, s in enumerate(sketches)
    )
    analyze()


def with_head(module: Any) -> None:
    from hub.registry.models import Revision

    module.head = Revision.objects.create(
        module=module, commit=f"{module.pk:040x}", number=1, peft_type="LORA", rank=4, alpha=8,
        targets=["q_proj"], parameters=1, dtype="BF16", size=1, composable=True,
    )  # fmt: skip
    module.save()


def analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
