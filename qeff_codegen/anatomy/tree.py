"""Python's syntax tree of upstream's and of generated code, in the one form that everything here reads.

An annotation says nothing about what runs, so `x: T = v` is the assignment `x = v` in such a tree. A bare `x: T`,
which binds nothing, and annotated attributes stay what they are.
"""

from __future__ import annotations

import ast

# The fields of statements that hold further statements, or what holds them: handlers of exceptions, cases of a match.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
# Fields that hold no node which anybody looks for: names as text, contexts, operators.
_LEAVES = frozenset({"arg", "asname", "attr", "ctx", "id", "kind", "level", "module", "name", "op", "ops"})


def parse(source: str) -> ast.Module:
    """The tree of a module, with `x: T = v` as an `ast.Assign` that stands where the annotated statement stood.

    Raises:
        SyntaxError: it is not Python of this interpreter's grammar.
        ValueError: it holds a null byte.
    """
    tree = ast.parse(source)
    _plain_assignments_below(tree)
    return tree


def _plain_assignments_below(node: ast.AST) -> None:
    for field in _BLOCKS:
        block = getattr(node, field, None)
        if not isinstance(block, list):
            continue
        for index, item in enumerate(block):
            if not isinstance(item, ast.AnnAssign):
                _plain_assignments_below(item)
            elif item.value is not None and isinstance(item.target, ast.Name):
                block[index] = ast.copy_location(ast.Assign([item.target], item.value), item)


def walk(node: ast.AST) -> list[ast.AST]:
    """Every node below `node`, itself first, in the order of `ast.walk`, without operators and contexts.

    Several times as fast as `ast.walk`, since it looks only into fields that may hold a node.
    """
    found = [node]
    for item in found:
        for field in _fields(type(item)):
            value = getattr(item, field, None)
            if value.__class__ is list:
                found += [child for child in value if isinstance(child, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(field for field in kind._fields if field not in _LEAVES)
    return fields
