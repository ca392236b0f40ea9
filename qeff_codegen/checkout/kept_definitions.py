"""Definitions of a hand-written file that go on to exist beside the generated one, with what they need."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence

import libcst as cst

from qeff_codegen.checkout.import_order import import_lines
from qeff_codegen.checkout.own_parts import with_own_parts

# For a class, which of its attributes are to be which classes.
Parts = Mapping[str, Mapping[str, str]]

COMMENT = "# Written by hand; other files of this repository still use it:"


def definitions(text: str) -> dict[str, int]:
    """What a module defines or assigns at its top, with 1-based lines; `text` is known to be Python."""
    return defined_names(ast.parse(text))


def defined_names(tree: ast.Module) -> dict[str, int]:
    """What a module's tree defines or assigns at its top, with 1-based lines."""
    return {name: node.lineno for node in tree.body for name in _defined(node)}


def needed_definitions(text: str, names: Iterable[str], parts: Parts) -> tuple[str, ...]:
    """`names` and every definition of the module that they need, directly or not, in the module's order."""
    statements = {name: node for node in ast.parse(text).body for name in _defined(node)}
    pending, needed = list(names), set[str]()
    while pending:
        name = pending.pop()
        if name in statements and name not in needed:
            needed.add(name)
            pending += [*_names(statements[name]), *parts.get(name, {}).values()]
    return tuple(name for name in statements if name in needed)


def kept_module(text: str, names: Iterable[str], parts: Parts, users: Sequence[str], line_length: int) -> str:
    """A module with definitions of another one as they stand there, and the imports that they need.

    Args:
        text: the module that has them now.
        names: what others import of it.
        parts: for a class, the attributes that upstream builds and that are to be classes of the module.
        users: who imports them, for the reader.
        line_length: that import statements are wrapped at.
    """
    kept = frozenset(needed_definitions(text, names, parts))
    module = cst.parse_module(text)
    tree = ast.parse(text)
    used = {name for node in tree.body if kept.intersection(_defined(node)) for name in _names(node)}
    bodies: list[str] = []
    for statement, node in zip(module.body, tree.body, strict=True):
        if kept.intersection(_defined(node)):
            if isinstance(statement, cst.ClassDef) and statement.name.value in parts:
                statement = with_own_parts(statement, parts[statement.name.value])
            bodies.append(module.code_for_node(statement).strip("\n"))
    return "\n".join(
        (
            *_licence(module),
            COMMENT,
            *(f"# {user}" for user in users),
            "",
            *_sections(module, tree, used, line_length),
            "",
            "",
            "\n\n\n".join(bodies),
            "",
        )
    )


def undefined_names(text: str) -> frozenset[str]:
    """Names that a module reads, in any scope, and that neither it nor Python defines."""
    module = symtable.symtable(text, "module", "exec")
    defined = {item.get_name() for item in module.get_symbols() if item.is_assigned() or item.is_imported()}
    read, pending = set[str](), [module]
    while pending:
        scope = pending.pop()
        pending += scope.get_children()
        read |= {item.get_name() for item in scope.get_symbols() if item.is_referenced() and item.is_global()}
    return frozenset(read - defined - {*dir(builtins), "__file__"})


def _licence(module: cst.Module) -> Iterator[str]:
    """The comments at the top of the file, a blank line after each block of them."""
    for line in module.header:
        if line.comment is not None:
            yield line.comment.value
    yield ""


def _sections(module: cst.Module, tree: ast.Module, used: set[str], line_length: int) -> list[str]:
    """The import statements that are still needed, in their order; blank lines between sections stay."""
    lines: list[str] = []
    for statement, node in zip(module.body, tree.body, strict=True):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        blank = any(line.comment is None for line in getattr(statement, "leading_lines", ()))
        new = _import_of(node, used, line_length)
        if blank and lines and lines[-1]:
            lines.append("")
        lines += new
    return lines if not lines or lines[-1] else lines[:-1]


def _import_of(node: ast.Import | ast.ImportFrom, used: set[str], line_length: int) -> list[str]:
    members = [item for item in node.names if (item.asname or item.name.split(".")[0]) in used]
    spelled = [item.name if item.asname is None else f"{item.name} as {item.asname}" for item in members]
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        # It says how the rest is read.
        spelled = [item.name for item in node.names]
    if not spelled:
        return []
    if isinstance(node, ast.Import):
        return [f"import {name}" for name in spelled]
    return import_lines("." * node.level + (node.module or ""), spelled, line_length)


def _defined(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return (node.name,)
    if isinstance(node, ast.Assign):
        return tuple(target.id for target in node.targets if isinstance(target, ast.Name))
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return (node.target.id,)
    return ()


def _names(node: ast.AST) -> list[str]:
    """Every name that a statement reads, those in annotations that are strings included."""
    found = []
    for item in ast.walk(node):
        if isinstance(item, ast.Name):
            found.append(item.id)
        elif isinstance(item, ast.Constant) and isinstance(item.value, str) and item.value.isidentifier():
            found.append(item.value)
    return found
