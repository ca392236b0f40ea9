"""The module is Python whose every name is defined, laid out as black lays it out, in plain characters.

Names are checked with the compiler's own symbol tables: what a function reads and does not bind must be imported or
defined by the module.
"""

from __future__ import annotations

import ast
from itertools import takewhile

from qeff_codegen.emit.formatting import formatted
from qeff_codegen.emit.imports import global_names
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check
from rewrite_rules._functions import first_use


class ModuleCompiles(Check):
    promise = "Every name resolves, the module compiles, black would change nothing, and no character is decoration."

    def broken(self, module: FinishedModule) -> list[Broken]:
        compile(module.code, module.anatomy.file.upstream.display_path, "exec")
        unknown = global_names(module.code) - set(module.imports) - module.defined
        found = [
            Broken(f"the name `{name}` is used and never defined", generated=first_use(module, name))
            for name in sorted(unknown)
        ]
        found += [
            Broken(f"`{function.name}` reads `{name}` before anything is assigned to it", generated=line)
            for function in ast.walk(module.tree)
            if isinstance(function, ast.FunctionDef)
            for name, line in _read_too_early(function)
        ]
        lines, laid_out = module.code.splitlines(), formatted(module.code, module.target).splitlines()
        if lines != laid_out:
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(lines, laid_out, strict=False)))
            found.append(Broken("black would change the generated file", generated=min(same + 1, len(lines))))
        found += [
            Broken(f"the generated file holds the decoration {character!r}", generated=number)
            for number, line in enumerate(lines, start=1)
            for character in line
            if _is_decoration(character)
        ]
        return found


def _read_too_early(function: ast.FunctionDef) -> list[tuple[str, int]]:
    """Locals whose first reading stands before their first assignment, in the order in which Python evaluates."""
    known = {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)}
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    early: list[tuple[str, int]] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                known.add(node.id)
            elif node.id in stored and node.id not in known:
                early.append((node.id, node.lineno))
        first = {ast.For: ["iter"], ast.Assign: ["value"], ast.AnnAssign: ["value"], ast.NamedExpr: ["value"]}
        first |= {kind: ["generators"] for kind in (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)}
        order = first.get(type(node), [])
        for field in (*order, *(field for field in node._fields if field not in order)):
            value = getattr(node, field, None)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child)

    for statement in function.body:
        visit(statement)
    return early


def _is_decoration(character: str) -> bool:
    """Box drawing, dingbats and emoji, which reviewers of generated files do not want to see."""
    code = ord(character)
    return 0x2500 <= code <= 0x27BF or code >= 0x1F000
