"""Which files importing a module executes, of those beside it: found in their text, before any of them runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.checkpoint_folder import stands_in
from qeff_codegen.upstream.decoded import decoded


@dataclass(frozen=True)
class Executed:
    """What importing some modules executes.

    Attributes:
        files: the modules' own files, then those beside them that these import relatively, directly or not.
        climbs: whether one of them imports from above its folder, as a file of transformers' tree does.
    """

    files: tuple[Path, ...]
    climbs: bool


def executed_files(paths: Iterable[Path]) -> Executed:
    """The files that importing the modules at `paths` executes.

    Raises:
        UsageError: one of them is no Python, or is a link to a file outside of its folder.
    """
    pending, files, climbs = list(paths), dict[Path, None](), False
    while pending:
        path = pending.pop(0)
        if path in files:
            continue
        if not stands_in(path, path.parent):
            raise UsageError(f"{path} is a link to a file outside of its folder: it is not executed.\nCopy it there.")
        files[path] = None
        for node in _relative_imports(path):
            climbs = climbs or node.level > 1
            names = [node.module] if node.module else [alias.name for alias in node.names]
            beside = [path.parent / f"{name}.py" for name in names if node.level == 1]
            pending += [other for other in beside if other.is_file()]
    return Executed(tuple(files), climbs)


def _relative_imports(path: Path) -> list[ast.ImportFrom]:
    try:
        tree = ast.parse(decoded(path.read_bytes()))
    except (OSError, SyntaxError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as Python source: {error}.") from error
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
