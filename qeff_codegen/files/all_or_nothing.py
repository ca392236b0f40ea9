"""A set of files that changes as a whole: every file gets its new text, or every file stays as it was."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path


def change_files(texts: Mapping[Path, str], removed: Collection[Path] = ()) -> None:
    """Write every text and remove the files of `removed`, together.

    Every text is first written to a temporary file beside its place; then all are renamed. A file that is there keeps
    its permissions. When anything fails, files that were renamed or removed already are put back, and folders that
    were made are removed.

    Raises:
        OSError: it failed, and everything is as it was.
    """
    # Left in the opposite order: files are put back, then temporary files go, then folders.
    with ExitStack() as folders, ExitStack() as temporaries, ExitStack() as undo:
        waiting: dict[Path, Path] = {}
        for path, text in texts.items():
            _make_folder(path.parent, folders)
            waiting[path] = _temporary(path, text.encode("utf-8"), temporaries)
            waiting[path].chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644)
        for path in (*texts, *removed):
            if path.exists():
                copy = _temporary(path, path.read_bytes(), temporaries)
                shutil.copymode(path, copy)
                undo.callback(os.replace, copy, path)
            else:
                undo.callback(path.unlink, missing_ok=True)
        for path, temporary in waiting.items():
            os.replace(temporary, path)
        for path in removed:
            path.unlink(missing_ok=True)
        undo.pop_all()
        folders.pop_all()


def _make_folder(folder: Path, made: ExitStack) -> None:
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir()
        made.callback(missing.rmdir)
    # Says what is wrong with one that is no folder.
    folder.mkdir(exist_ok=True)


def _temporary(path: Path, content: bytes, temporaries: ExitStack) -> Path:
    """A new file with this content beside `path`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporaries.callback(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return Path(name)
