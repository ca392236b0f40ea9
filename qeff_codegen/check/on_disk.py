"""What lies in a generated folder: the files that are managed, and what nobody manages."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from qeff_codegen.check.finding import Cause, Finding, Remedy
from qeff_codegen.emit import layout
from qeff_codegen.emit.differences import differences
from qeff_codegen.errors import UsageError

# What running Python leaves behind; git leaves it behind too when a branch without the folder is checked out.
BYTECODE = "__pycache__"
# What the two sides of a diff are: applying it does what regenerating would do.
LABELS = ("on disk", "regenerated")


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
    package = folder / name
    if not package.exists() and not package.is_symlink():
        yield Finding(Cause.MISSING, name, layout.modeling_path(folder, name), "is not there", Remedy.GENERATE)
        return
    managed = (layout.package_initializer(folder, name), layout.modeling_path(folder, name))
    for path in managed:
        content = read(path)
        if content is None:
            yield Finding(Cause.MISSING, name, path, "is not there", Remedy.GENERATE)
        elif path.name == layout.INITIALIZER and content:
            yield Finding(
                Cause.EDITED,
                name,
                path,
                "is not empty, as it was written",
                Remedy.OVERWRITE,
                1,
                diff=_emptied(content),
            )
    for path in (package, *managed):
        if path.is_symlink():
            message = "is a symbolic link, and the generator writes plain files and folders"
            yield Finding(Cause.EDITED, name, path, message, Remedy.DELETE)
    if package.is_dir() and not package.is_symlink():
        yield from _unmanaged(package, {path.name for path in managed if not path.is_dir()}, name)
    elif package.exists():
        message = "is a file, where the model's package should be"
        yield Finding(Cause.ORPHAN, name, package, message, Remedy.DELETE)


def in_folder(folder: Path, models: Container[str]) -> Iterator[Finding]:
    """What is missing or too many in the folder itself, beside the packages of `models`."""
    files = (layout.INITIALIZER, layout.MAPPING, layout.MANIFEST)
    for name in files:
        path = folder / name
        if name != layout.MANIFEST and read(path) is None:
            yield Finding(Cause.MISSING, None, path, "is not there", Remedy.GENERATE)
        if path.is_symlink():
            message = "is a symbolic link, and the generator writes plain files"
            yield Finding(Cause.EDITED, None, path, message, Remedy.DELETE)
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


def _emptied(content: bytes) -> tuple[str, ...]:
    return tuple(differences(text_of(content), "", LABELS, context=3))
