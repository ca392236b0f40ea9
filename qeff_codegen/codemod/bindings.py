"""Every way in which a name is bound, in one place: who asks what a local stands for asks here.

Assignments by name, annotated or not, are the only bindings whose value is written out, and those by `:=`; and what a
tuple of names takes from a tuple of values. Everything else binds a name to something that nobody looks for: loops,
`with`, what is added in place, comprehensions, handlers of exceptions, imports, definitions, patterns of a `match`,
and `del`, which takes the name away.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from qeff_codegen.codemod.tree import walk

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IN_PATTERNS = (ast.MatchAs, ast.MatchStar, ast.MatchMapping)
# Nodes of no other kind bind a name.
_BINDING = frozenset(
    {ast.Assign, ast.NamedExpr, ast.AugAssign, ast.Name, ast.Import, ast.ImportFrom, ast.ExceptHandler}
    | {ast.Global, ast.Nonlocal, *_DEFINITIONS, *_IN_PATTERNS}
)


@dataclass(frozen=True)
class Binding:
    """One place where a name is bound, or unbound.

    Attributes:
        node: what binds it: a statement, an expression, or the part of one that holds the name.
        value: what it is bound to, if that is written out as an expression.
    """

    name: str
    node: ast.AST
    value: ast.expr | None = None


def bindings(tree: ast.AST) -> list[Binding]:
    """Every binding below `tree`, in the order of `walk`; parameters are none, nor is the name of `tree` itself."""
    found: list[Binding] = []
    plain: set[int] = set()
    for node in walk(tree):
        if type(node) not in _BINDING:
            continue
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load) and id(node) not in plain:
                found.append(Binding(node.id, node))
            continue
        written = [] if not isinstance(node, (ast.Assign, ast.NamedExpr)) else list(_written_out(node))
        found += [Binding(name.id, node, value) for name, value in written]
        plain |= {id(name) for name, _ in written}
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.append(Binding(node.target.id, node))
            plain.add(id(node.target))
        found += [Binding(name, node) for name in _names_of(node) if node is not tree]
    return found


def bound_names(tree: ast.AST) -> set[str]:
    """Every name that is bound below `tree`."""
    return {binding.name for binding in bindings(tree)}


def imported_as(alias: ast.alias, statement: ast.Import | ast.ImportFrom) -> str:
    """The name that an import binds: of `import a.b` it is `a`."""
    return alias.asname or (alias.name.partition(".")[0] if isinstance(statement, ast.Import) else alias.name)


def _written_out(node: ast.Assign | ast.NamedExpr) -> Iterator[tuple[ast.Name, ast.expr]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        yield from _taken(target, node.value)


def _taken(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.Name, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target, value
    elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
        starred = any(isinstance(item, ast.Starred) for item in (*target.elts, *value.elts))
        for part, item in zip(target.elts, value.elts, strict=False) if not starred else ():
            yield from _taken(part, item)


def _names_of(node: ast.AST) -> list[str]:
    """Names that a node binds without an `ast.Name`."""
    match node:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [imported_as(alias, node) for alias in aliases]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return list(names)
    return [node.name] if isinstance(node, _DEFINITIONS) else []
