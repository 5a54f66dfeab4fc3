"""What changed between two revisions: line by line in texts, field by field in JSON, tensor by tensor in weights."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.registry.models import Blob, Revision
from hub.registry.services.contents import is_text, json_fields, tensors_of, text_of
from hub.registry.storage import FileCorrupt

CONTEXT = 3
MAX_LINES = 2000  # of one file's diff
MAX_COMPARED = 4000  # lines of each side; more would take long
MAX_CHANGES = 400  # fields or tensors


@dataclass(frozen=True, slots=True)
class Line:
    """kind: "same", "added", "removed" or "gap"; before, after: line numbers."""

    kind: str
    text: str
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A field or a tensor; before or after is empty where there is none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file that differs. note: why nothing, or not all, of its inside is shown."""

    path: str
    before: Blob | None
    after: Blob | None
    lines: list[Line] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    note: str = ""

    @property
    def kind(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def compare(before: Revision | None, after: Revision, *, contents: bool = True) -> list[FileDiff]:
    """The files that differ, by path. before: None for an empty one. contents: False for whoever may not read the files."""
    old = _files(before) if before is not None else {}
    new = _files(after)
    paths = sorted(path for path in old.keys() | new.keys() if _sha(old.get(path)) != _sha(new.get(path)))
    return [_file(path, old.get(path), new.get(path), contents) for path in paths]


def _files(revision: Revision) -> dict[str, Blob]:
    return {file.path: file.blob for file in revision.files.select_related("blob")}


def _sha(blob: Blob | None) -> str:
    return blob.sha256 if blob else ""


def _file(path: str, before: Blob | None, after: Blob | None, contents: bool) -> FileDiff:
    if not contents:
        return FileDiff(path, before, after, note="Its inside is for those who may download the module.")
    try:
        if path.endswith(".safetensors"):
            changes = _changes(_tensors(before), _tensors(after))
            note = "" if changes else "The same tensors, with other values."
            return FileDiff(path, before, after, changes=changes[:MAX_CHANGES], note=_cut(changes) or note)
        if not is_text(path):
            return FileDiff(path, before, after, note="No text: only the two sizes and hashes are compared.")
        old, new = (text_of(blob) if blob else "" for blob in (before, after))
    except FileCorrupt as error:
        return FileDiff(path, before, after, note=str(error))
    if old is None or new is None:
        return FileDiff(path, before, after, note="Too long to be compared here, or no UTF-8 text.")
    if path.endswith(".json") and before and after:
        fields = json_fields(old), json_fields(new)
        if fields[0] is not None and fields[1] is not None:
            changes = _changes(fields[0], fields[1])
            note = "" if changes else "The same values, written otherwise."
            return FileDiff(path, before, after, changes=changes[:MAX_CHANGES], note=_cut(changes) or note)
    if max(old.count("\n"), new.count("\n")) > MAX_COMPARED:
        return FileDiff(
            path, before, after, note=f"More than {MAX_COMPARED:,} lines: too long to be compared here."
        )
    lines = list(_lines(old, new))
    note = (
        f"Only the first {MAX_LINES:,} lines of the difference are shown." if len(lines) > MAX_LINES else ""
    )
    return FileDiff(path, before, after, lines=lines[:MAX_LINES], note=note)


def _tensors(blob: Blob | None) -> dict[str, str]:
    return {tensor.name: tensor.written for tensor in tensors_of(blob)} if blob else {}


def _changes(old: dict[str, str], new: dict[str, str]) -> list[Change]:
    names = [*new, *(name for name in old if name not in new)]
    return [
        Change(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name)
    ]


def _cut(changes: list[Change]) -> str:
    more = len(changes) - MAX_CHANGES
    return f"And {more:,} more." if more > 0 else ""


def _lines(old: str, new: str) -> Iterator[Line]:
    before = after = 0
    diff = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=CONTEXT)
    for text in list(diff)[2:]:  # without the two lines of file names
        if found := re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@", text):
            if before or after:
                yield Line("gap", "")
            before, after = int(found[1]), int(found[2])
        elif text.startswith("+"):
            yield Line("added", text[1:], None, after)
            after += 1
        elif text.startswith("-"):
            yield Line("removed", text[1:], before, None)
            before += 1
        else:
            yield Line("same", text[1:], before, after)
            before, after = before + 1, after + 1
