"""Who in a checkout imports names of one module, and which of those names a file does more with than pass them on."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.checkout.checkout import NotUtf8, path_of
from qeff_codegen.checkout.python_file import tree_of
from qeff_codegen.errors import Refusal

# Folders of tools: nothing in them is the checkout's.
SKIPPED = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages"})
# What venv and conda put into every environment that they make, whatever its name.
ENVIRONMENT = frozenset({"pyvenv.cfg", "conda-meta"})


@dataclass(frozen=True)
class ImportedName:
    """One name that a file imports from the module.

    Attributes:
        path: of the file, relative to the checkout.
        name: in the module; `*` for the module as a whole, or for all of its names.
        local: what the file calls it.
        line: 1-based line of the import statement.
    """

    path: Path
    name: str
    local: str
    line: int

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}"


def importers(root: Path, module: str, read: Callable[[Path], str | None]) -> tuple[ImportedName, ...]:
    """Every name that another file of the checkout imports from `module`, wherever the statement stands.

    Environments inside of the checkout are left out, and so is what Python cannot read.

    Args:
        root: the checkout's folder.
        module: dotted name, relative to `root`.
        read: gives the text of a file as it will be, by its path relative to `root`.
    """
    own = path_of(module)
    found: list[ImportedName] = []
    for path in sorted(_python_files(root)):
        relative = path.relative_to(root)
        try:
            text = read(relative) or ""
            # Reading every file's syntax tree would take many times as long.
            if relative != own and module.rsplit(".", 1)[-1] in text:
                found += _imported(relative, tree_of(text, relative), module)
        except (NotUtf8, Refusal):
            # What Python cannot read imports nothing.
            continue
    return tuple(found)


def built_on(tree: ast.Module, names: frozenset[str]) -> tuple[int, ...]:
    """1-based lines where a file calls one of `names`, or reads an attribute: there it matters what the thing is.

    Names in mappings, checks of type and base classes are no such places: a base class hands on whatever it has.

    Args:
        tree: of the file.
        names: what it calls them.
    """
    lines = set()
    for node in ast.walk(tree):
        used = node.func if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Attribute) else None
        only_named = isinstance(node, ast.Attribute) and node.attr == "__name__"
        if isinstance(used, ast.Name) and used.id in names and not only_named:
            lines.add(used.lineno)
    return tuple(sorted(lines))


def _python_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        if Path(folder) != root and not ENVIRONMENT.isdisjoint((*folders, *files)):
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


def _imported(path: Path, tree: ast.Module, module: str) -> Iterator[ImportedName]:
    package, _, last = module.rpartition(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                ImportedName(path, "*", item.asname or item.name, node.lineno)
                for item in node.names
                if item.name == module
            )
        elif isinstance(node, ast.ImportFrom):
            source = source_module(node, path)
            for item in node.names:
                if source == module:
                    yield ImportedName(path, item.name, item.asname or item.name, node.lineno)
                elif source == package and item.name == last:
                    yield ImportedName(path, "*", item.asname or item.name, node.lineno)


def source_module(node: ast.ImportFrom, path: Path) -> str:
    """The dotted module that a statement imports from; one that begins with dots from where the file stands."""
    if not node.level:
        return node.module or ""
    package = path.parts[: len(path.parts) - node.level]
    return ".".join((*package, *(node.module.split(".") if node.module else ())))
