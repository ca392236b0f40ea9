"""Writing what was worked out: every file, or none; or showing it as a diff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.files.all_or_nothing import change_files
from qeff_codegen.files.differences import differences

CONTEXT = 3


def write_all(texts: Mapping[Path, str]) -> None:
    """Write every text, or none.

    Raises:
        UsageError: one of them cannot be written, and none is.
    """
    try:
        change_files(texts)
    except OSError as error:
        raise UsageError(
            f"{error.filename or 'The checkout'} cannot be written: {error.strerror}.\nNothing is changed."
        ) from error


def as_diff(changes: Iterable[tuple[Path, str | None, str]]) -> list[str]:
    """The lines of one unified diff, as `git apply` takes it, of path, text before (None for a new file) and after."""
    lines = []
    for path, before, after in changes:
        labels = ("/dev/null" if before is None else f"a/{path.as_posix()}", f"b/{path.as_posix()}")
        lines += differences(before or "", after, labels, CONTEXT)
    return lines
