"""Uploaded files as files on disk, by the name that the module will give them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile

from hub.registry.services import Problem, PublishError


@contextmanager
def uploaded(files: Iterable[UploadedFile]) -> Iterator[dict[str, Path]]:
    """name -> path of each uploaded file. Raises PublishError if a name comes twice (two folders were chosen)."""
    files = list(files)
    names = Counter(file.name or "" for file in files)
    if twice := [name for name, times in names.items() if times > 1]:
        raise PublishError.of(
            [
                Problem("files", "duplicate_file", f"{name} was sent {names[name]} times; send one adapter.")
                for name in twice
            ]
        )
    with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        found = {}
        for number, file in enumerate(files):
            if isinstance(file, TemporaryUploadedFile):
                path = Path(file.temporary_file_path())
            else:
                path = Path(folder) / str(number)
                with path.open("wb") as copy:
                    for chunk in file.chunks():
                        copy.write(chunk)
            found[os.path.basename(file.name or "")] = path
        yield found
