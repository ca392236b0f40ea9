"""Folders of finished work, found again by what they were made from; a damaged one is never handed out.

An artifact is a folder that one maker fills. It is made under another name, gets a record of every file's SHA-256, and
is renamed into place: so it is there whole or not at all, whoever is killed and however many make it at once. Before
it is handed out again its files are held against the record; one that does not match is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from qeff_codegen.errors import UsageError

RECORD = "artifact.json"
_UNFINISHED = ".unfinished-"
_LOCK = ".lock"
_KEY_LENGTH = 16


def artifact_key(made_from: Mapping[str, object]) -> str:
    """A short name for everything an artifact is made from; the same facts give the same name on every machine."""
    text = json.dumps(made_from, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


class ArtifactStore:
    """The artifacts below one folder.

    Args:
        root: the folder; it is made when first needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, name: str, made_from: Mapping[str, object], make: Callable[[Path], None]) -> Path:
        """The folder of an artifact, from the store or made now.

        Args:
            name: what it is, for people who look into the store.
            made_from: everything its content depends on.
            make: fills the folder it is given.

        Raises:
            UsageError: the store cannot be written, or its disk is full.
        """
        place = self._root / f"{name}-{artifact_key(made_from)}"
        if is_whole(place):
            return place
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            self._drop_abandoned()
            with self._unfinished(name) as folder:
                make(folder)
                _write_record(folder, made_from)
                _put_in_place(folder, place)
        except OSError as error:
            raise UsageError(
                f"{error.filename or self._root} cannot be written: {error.strerror or error}.\n"
                "Nothing half-made is left. Free some space, or set QEFF_CODEGEN_CACHE to another folder."
            ) from error
        return place

    @contextmanager
    def _unfinished(self, name: str) -> Iterator[Path]:
        """A folder to fill, gone afterwards. Its lock, held from before it exists, says that somebody is at it."""
        handle, lock_name = tempfile.mkstemp(prefix=f"{_UNFINISHED}{name}-", suffix=_LOCK, dir=self._root)
        folder = Path(lock_name.removesuffix(_LOCK))
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.unlink(lock_name)
            os.close(handle)

    def _drop_abandoned(self) -> None:
        """Remove what a killed process left: unfinished folders that nobody holds the lock of."""
        for lock in self._root.glob(f"{_UNFINISHED}*{_LOCK}"):
            folder = lock.with_name(lock.name.removesuffix(_LOCK))
            if not folder.exists():
                continue
            with suppress(FileNotFoundError), lock.open("r") as file:
                if _lock_at_once(file):
                    shutil.rmtree(folder, ignore_errors=True)
                    lock.unlink(missing_ok=True)


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds exactly the files its record lists, with the bytes they had when it was made."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        expected = dict(record["files"])
        return _fingerprints(folder) == expected
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` but the record, by its path."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / RECORD:
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _write_record(folder: Path, made_from: Mapping[str, object]) -> None:
    record = {"made_from": dict(made_from), "files": _fingerprints(folder)}
    (folder / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True, default=str) + "\n", "utf-8")


def _put_in_place(folder: Path, place: Path) -> None:
    """Rename `folder` to `place`; a damaged one there goes first, a whole one that came first stays."""
    while True:
        try:
            os.rename(folder, place)
            return
        except OSError:
            if not place.exists():
                raise
        if is_whole(place):
            return
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=place.parent) as aside, suppress(FileNotFoundError):
            # Where another process has just moved it away, there is nothing left to do.
            os.rename(place, Path(aside) / "damaged")


def _lock_at_once(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
