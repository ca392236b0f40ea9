"""A checkpoint's file that is read again later, and must then be what it was when the model was loaded."""

from __future__ import annotations

import os
from pathlib import Path

from qeff_codegen.errors import UsageError


class UnchangedFile:
    """A file, and by what a change of it shows: its inode, its size and when it was written to last.

    Args:
        path: of the file; it is found again from any working folder.

    Raises:
        OSError: there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._was = _state(self.path.stat())

    def read_into(self, memory: memoryview, offset: int) -> None:
        """Fills `memory` with the bytes that begin at `offset`.

        Raises:
            UsageError: the file changed since this was made, is gone, or cannot be read.
        """
        size = len(memory)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)
                done = 0
                while done < size:
                    count = file.readinto(memory[done:])
                    if not count:
                        break
                    done += count
                # Only now: it might be written to while it is read.
                found = os.fstat(file.fileno())
        except FileNotFoundError as error:
            raise self._refusal("is gone") from error
        except OSError as error:
            raise self._refusal(f"cannot be read any more ({error.strerror})") from error
        if _state(found) != self._was:
            raise self._refusal(self._change(found))
        if done < size:
            raise self._refusal(f"ends after {found.st_size} bytes, before byte {offset + size}")

    def check(self) -> None:
        """Says so if it is not what it was.

        Raises:
            UsageError: the file changed since this was made, or is gone.
        """
        self.read_into(memoryview(bytearray()), 0)

    def _change(self, found: os.stat_result) -> str:
        inode, size, _ = self._was
        if found.st_size != size:
            return f"has {found.st_size} bytes and had {size}: it changed"
        return "was written to" if found.st_ino == inode else "was replaced by another file"

    def _refusal(self, what: str) -> UsageError:
        return UsageError(
            f"{self.path} {what} since the model was loaded, and its weights are read from it when they are needed.\n"
            "Load the model again, and leave its files alone until the graph is written."
        )


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
