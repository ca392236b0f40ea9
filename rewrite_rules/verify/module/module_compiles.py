"""The module is Python whose every name is defined, in plain characters.

Names are checked with the compiler's own symbol tables: what a function reads and does not bind must be imported or
defined by the module.
"""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import children, find
from qeff_codegen.emit.imports import global_names
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

# Functions that find names by how they are spelled.
BY_SPELLING = {"locals", "globals", "vars", "eval", "exec"}


class ModuleCompiles(Check):
    promise = "Every name resolves, the module compiles, and no character is decoration."

    def broken(self, module: FinishedModule) -> list[Broken]:
        compile(module.tree, module.anatomy.file.upstream.display_path, "exec")
        unknown = global_names(module.code) - set(module.imports) - module.defined
        found = [
            Broken(f"the name `{name}` is used and never defined", generated=module.first_use(name))
            for name in sorted(unknown)
        ]
        found += [
            Broken(f"`{node.id}` looks names up, which generated code may spell otherwise", generated=node.lineno)
            for node in find(ast.Name, module.tree)
            if node.id in BY_SPELLING
        ]
        found += [
            Broken(f"`{function.name}` reads `{name}` before anything is assigned to it", generated=line)
            for function in find(ast.FunctionDef, module.tree)
            for name, line in _read_too_early(function)
        ]
        found += [
            Broken(f"the generated file holds the decoration {character!r}", generated=number)
            for number, line in enumerate(module.code.splitlines(), start=1)
            for character in ("" if line.isascii() else line)
            if _is_decoration(character)
        ]
        return found


# What Python evaluates first, where that is not what stands first.
EVALUATED_FIRST: dict[type[ast.AST], str] = {
    ast.For: "iter",
    ast.Assign: "value",
    ast.NamedExpr: "value",
    ast.ListComp: "generators",
    ast.SetComp: "generators",
    ast.GeneratorExp: "generators",
    ast.DictComp: "generators",
}


def _read_too_early(function: ast.FunctionDef) -> list[tuple[str, int]]:
    """Locals whose first reading stands before their first assignment, in the order in which Python evaluates."""
    known = {item.arg for item in find(ast.arg, function.args)}
    stored = {node.id for node in find(ast.Name, function) if isinstance(node.ctx, ast.Store)}
    early: list[tuple[str, int]] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                known.add(node.id)
            elif node.id in stored and node.id not in known:
                early.append((node.id, node.lineno))
        for child in _as_evaluated(node):
            visit(child)

    for statement in function.body:
        visit(statement)
    return early


def _as_evaluated(node: ast.AST) -> list[ast.AST]:
    below = children(node)
    if (field := EVALUATED_FIRST.get(type(node))) is None:
        return below
    value = getattr(node, field)
    first: list[ast.AST] = value if isinstance(value, list) else [value]
    return [*first, *(child for child in below if child not in first)]


def _is_decoration(character: str) -> bool:
    """Box drawing, dingbats and emoji, which reviewers of generated files do not want to see."""
    code = ord(character)
    return 0x2500 <= code <= 0x27BF or code >= 0x1F000
