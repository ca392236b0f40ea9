"""What a file imports of this project, wherever in it: at its top, in a function, for a type checker only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("qeff_codegen", "rewrite_rules", "generated")


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name, with its path below the root."""
    paths = (path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {
        ".".join(path.parent.parts if path.stem == "__init__" else path.with_suffix("").parts): path for path in paths
    }


def imports(path: Path, source: str) -> Iterator[tuple[int, Path]]:
    """The line of every import in `source`, which stands at `path` below the root, and the file that it imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.parts[: len(path.parent.parts) + 1 - node.level] if node.level else ()
            module = ".".join((*package, *([node.module] if node.module else ())))
            # A module of that package, or a name in the module.
            names = [inner if (inner := f"{module}.{alias.name}") in modules() else module for alias in node.names]
        else:
            continue
        yield from ((node.lineno, modules()[name]) for name in dict.fromkeys(names) if name in modules())
