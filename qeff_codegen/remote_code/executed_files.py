"""Which files importing a module executes, of those beside it: found in their text, before any of them runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.checkpoint_folder import stands_in
from qeff_codegen.upstream.decoded import decoded


@dataclass(frozen=True)
class Executed:
    """What importing some modules executes.

    Attributes:
        files: the modules' own files, then those beside them that these import, directly or not.
        climbs: whether one of them imports from above its folder, as a file of transformers' tree does.
        by_plain_names: those that are imported as if they were installed, as files of one folder are in a script; each
            after those that it imports itself.
    """

    files: tuple[Path, ...]
    climbs: bool
    by_plain_names: tuple[Path, ...]


def executed_files(paths: Iterable[Path]) -> Executed:
    """The files that importing the modules at `paths` executes.

    Raises:
        UsageError: one of them is no Python, or is a link to a file outside of its folder.
    """
    pending, climbs = list(paths), False
    files: dict[Path, None] = {}
    plain: dict[Path, None] = {}
    while pending:
        path = pending.pop(0)
        if path in files:
            continue
        if not stands_in(path, path.parent):
            raise UsageError(f"{path} is a link to a file outside of its folder: it is not executed.\nCopy it there.")
        files[path] = None
        for level, name in _imports(path):
            climbs = climbs or level > 1
            beside = path.parent / f"{name}.py"
            if level <= 1 and name and beside.is_file() and (level or _is_nowhere_else(name)):
                pending.append(beside)
                if not level:
                    plain.pop(beside, None)
                    plain[beside] = None
    return Executed(tuple(files), climbs, tuple(reversed(plain)))


def _is_nowhere_else(name: str) -> bool:
    """Whether no installed package is meant by a name."""
    return name not in sys.builtin_module_names and find_spec(name) is None


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports: how many dots stand before each, and its name."""
    try:
        tree = ast.parse(decoded(path.read_bytes()))
    except (OSError, SyntaxError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as Python source: {error}.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                yield node.level, name
        elif isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
