"""Which names a module, or a class in it, binds: by which statements, and whether these always run.

Definitions and imports under `if`, `try`, `with` and loops are bindings too, but not ones that are sure to happen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qeff_codegen.codemod.bindings import imported_as
from qeff_codegen.codemod.tree import children, find, spelled

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (*_DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Binding:
    """One statement that binds a name, or deletes it.

    Attributes:
        node: the statement, which may be a definition or an import.
        always: it stands in no block.
        for_checkers: it stands under `if TYPE_CHECKING`, which type checkers alone run.
    """

    node: ast.stmt
    always: bool
    for_checkers: bool = False

    @property
    def is_import(self) -> bool:
        """Whether it brings the name in from elsewhere."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def deletes(self) -> bool:
        """Whether the name is gone after it."""
        return isinstance(self.node, ast.Delete)


def bindings(body: Sequence[ast.stmt]) -> dict[str, tuple[Binding, ...]]:
    """Every binding of each name that the statements of a module or a class bind, in their order."""
    found: dict[str, list[Binding]] = {}
    for name, binding in _in_block(body, True, False):
        found.setdefault(name, []).append(binding)
    return {name: tuple(items) for name, items in found.items()}


def bound_later(tree: ast.Module) -> dict[str, tuple[Binding, ...]]:
    """The names that functions of a module declare as `global`: they may be bound whenever one of these runs."""
    found: dict[str, list[Binding]] = {}
    for node in find(ast.Global, tree):
        for name in node.names:
            found.setdefault(name, []).append(Binding(node, False))
    return {name: tuple(items) for name, items in found.items()}


def _in_block(body: Sequence[ast.AST], always: bool, for_checkers: bool) -> Iterator[tuple[str, Binding]]:
    for item in body:
        checked = for_checkers or (isinstance(item, ast.If) and is_for_checkers(item.test))
        if isinstance(item, ast.stmt):
            for name in _bound_by(item):
                yield name, Binding(item, always and not _may_bind(item), for_checkers)
        if isinstance(item, _DEFINITIONS):
            continue
        for field in _BLOCKS:
            inner = getattr(item, field, None)
            if isinstance(inner, list):
                yield from _in_block(inner, False, checked and field == "body")


def is_for_checkers(test: ast.expr) -> bool:
    """Whether a condition holds for type checkers alone."""
    return isinstance(test, ast.Name | ast.Attribute) and spelled(test).rpartition(".")[2] == "TYPE_CHECKING"


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that one statement binds itself, the statements in its blocks aside."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (imported_as(alias, statement) for alias in statement.names)
    else:
        yield from _stored(statement)


def _stored(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name is not None:
        yield node.name
    for child in children(node):
        if isinstance(child, ast.ExceptHandler) and child.name is not None:
            yield child.name
        if not isinstance(child, (*_SCOPES, ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from _stored(child)
        elif isinstance(child, ast.match_case):
            yield from _stored(child.pattern)


def surely_bound(name: str, body: Sequence[ast.stmt]) -> bool:
    """Whether a name is bound after the statements, whichever of their blocks ran."""
    is_bound = False
    for item in body:
        if isinstance(item, ast.Delete) and name in _bound_by(item):
            is_bound = False
        elif _binds_surely(name, item):
            is_bound = True
    return is_bound


def _binds_surely(name: str, item: ast.stmt) -> bool:
    if name in _bound_by(item):
        return not _may_bind(item)
    if isinstance(item, ast.If):
        return _block_binds(name, item.body) and _block_binds(name, item.orelse)
    if isinstance(item, ast.Try):
        runs = [[*item.body, *item.orelse], *(handler.body for handler in item.handlers)]
        return _block_binds(name, item.finalbody) or all(_block_binds(name, block) for block in runs)
    return False


def _may_bind(item: ast.stmt) -> bool:
    """Whether a statement that binds a name may also leave it: a loop over nothing, a condition that is cut short."""
    if isinstance(item, _DEFINITIONS):
        return False
    return isinstance(item, ast.For | ast.With | ast.Match) or bool(find(ast.NamedExpr, item))


def _block_binds(name: str, block: Sequence[ast.stmt]) -> bool:
    return surely_bound(name, block) or any(isinstance(item, ast.Raise) for item in block)
