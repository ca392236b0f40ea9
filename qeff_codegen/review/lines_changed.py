"""How many lines a reviewer's diff of generated code against upstream adds and removes."""

from __future__ import annotations

import ast

from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.targets.target import PREFIX


def lines_changed(model: GeneratedModel) -> tuple[int, int]:
    """Lines added and lines removed, over the functions that the generated file holds.

    A function stands against the one of the same name in the same class upstream; all of it is added where upstream
    has none. Class lines, imports and the header are not counted: every generated file has them.
    """
    written = {
        number
        for edit in model.edits
        if edit.generated_lines is not None
        for number in range(edit.generated_lines[0], edit.generated_lines[1] + 1)
    }
    upstream = _functions(model.upstream.source, "")
    added = removed = 0
    for name, lines in _functions(model.code, PREFIX).items():
        own = sum(number not in written for number in lines)
        added += len(lines) - own
        removed += len(upstream.get(name, ())) - own
    return added, removed


def _functions(source: str, prefix: str) -> dict[str, range]:
    """1-based line numbers of every function and method, decorators included, by name without the class's `prefix`."""
    found: dict[str, range] = {}
    for node in ast.parse(source).body:
        owner = f"{node.name.removeprefix(prefix)}." if isinstance(node, ast.ClassDef) else ""
        for item in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(item, ast.FunctionDef):
                first = min([item.lineno, *(decorator.lineno for decorator in item.decorator_list)])
                found[owner + item.name] = range(first, (item.end_lineno or item.lineno) + 1)
    return found
