"""What lies in a generated folder: the files that are managed, and what nobody manages."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from qeff_codegen.check.finding import Cause, Finding, Remedy
from qeff_codegen.checked_in import layout
from qeff_codegen.errors import UsageError
from qeff_codegen.files.differences import LABELS, differences

# What running Python leaves behind; git leaves it behind too when a branch without the folder is checked out.
BYTECODE = "__pycache__"


def read(path: Path) -> bytes | None:
    """The bytes of a file; None when there is no file.

    Raises:
        UsageError: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.\nMake it readable, or move it away.") from error


def text_of(content: bytes) -> str:
    """A file's text for a diff; bytes that are no UTF-8 show as escapes."""
    return content.decode("utf-8", "backslashreplace")


def in_package(folder: Path, name: str) -> Iterator[Finding]:
    """What is missing or too many in the package of model `name`."""
    package, path = folder / name, layout.modeling_path(folder, name)
    if package.is_symlink():
        yield _linked(package, name)
    if not package.is_dir():
        yield Finding(Cause.MISSING, name, path, "is not there", Remedy.GENERATE)
        if package.is_file() and not package.is_symlink():
            message = "is a file, where the model's package should be"
            yield Finding(Cause.ORPHAN, name, package, message, Remedy.DELETE)
        return
    initializer = layout.package_initializer(folder, name)
    for managed in (initializer, path):
        if read(managed) is None:
            yield Finding(Cause.MISSING, name, managed, "is not there", Remedy.GENERATE)
        if managed.is_symlink():
            yield _linked(managed, name)
    content = read(initializer)
    if content:
        diff = tuple(differences(text_of(content), "", LABELS, context=3))
        message = "is not empty, as it was written"
        yield Finding(Cause.EDITED, name, initializer, message, Remedy.OVERWRITE, 1, diff=diff)
    yield from _unmanaged(package, {item.name for item in (initializer, path) if not item.is_dir()}, name)


def in_folder(folder: Path, models: Container[str]) -> Iterator[Finding]:
    """What is missing or too many in the folder itself, beside the packages of `models`."""
    files = (layout.INITIALIZER, layout.MAPPING, layout.MANIFEST)
    for name in files:
        path = folder / name
        if name != layout.MANIFEST and read(path) is None:
            yield Finding(Cause.MISSING, None, path, "is not there", Remedy.GENERATE)
        if path.is_symlink():
            yield _linked(path, None)
    packages = {path.name for path in folder.iterdir() if path.name in models}
    yield from _unmanaged(folder, {name for name in files if not (folder / name).is_dir()} | packages, None)


def _unmanaged(folder: Path, managed: Iterable[str], model: str | None) -> Iterator[Finding]:
    for path in sorted(folder.iterdir()):
        if path.name in managed or _holds_bytecode_only(path):
            continue
        kind = "folder" if path.is_dir() and not path.is_symlink() else "file"
        message = f"is a {kind} that no entry of the manifest accounts for"
        yield Finding(Cause.ORPHAN, model, path, message, Remedy.DELETE)


def _holds_bytecode_only(path: Path) -> bool:
    if not path.is_dir() or path.is_symlink():
        return False
    return path.name == BYTECODE or [item.name for item in path.iterdir()] == [BYTECODE]


def _linked(path: Path, model: str | None) -> Finding:
    message = "is a symbolic link, and the generator writes plain files and folders"
    return Finding(Cause.EDITED, model, path, message, Remedy.DELETE)
