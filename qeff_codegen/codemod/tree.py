"""Python's syntax tree of upstream's and of generated code, in the one form that everything here reads.

An annotation says nothing about what runs, so `x: T = v` is the assignment `x = v` in such a tree. A bare `x: T`,
which binds nothing, and annotated attributes stay what they are.

A tree is read by many and changed by nobody, so what is asked of a node is worked out once and kept on it. What is
kept on a node never holds the node itself, so that a tree goes with its last reader, without waiting for the garbage
collector.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeVar, cast

# The fields of statements that hold further statements, or what holds them: handlers of exceptions, cases of a match.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
# Fields that hold no node which anybody looks for: names as text, contexts, operators.
_LEAVES = frozenset(
    {"arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs", "level", "module", "name"}
    | {"op", "ops", "rest", "simple", "tag", "type_comment", "type_ignores"}
)
# Of these kinds a field, or an item of a list in one, may be no node: a gap, a name, or the value of a singleton.
_NOT_ONLY_NODES = frozenset({ast.Dict, ast.arguments, ast.Global, ast.Nonlocal, ast.MatchSingleton})

_Node = TypeVar("_Node", bound=ast.AST)


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


def walk(node: ast.AST) -> Sequence[ast.AST]:
    """Every node below `node`, itself first, in the order of `ast.walk`, without operators and contexts."""
    kept: list[ast.AST] | None = node.__dict__.get(_BELOW)
    if kept is None:
        kept = children(node)
        for item in kept:
            if type(item) is not ast.Name:
                kept += children(item)
        node.__dict__[_BELOW] = kept
    return [node, *kept]


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below a node, without operators and contexts."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(field for field in kind._fields if field not in _LEAVES)
    if not fields:
        return []
    found: list[ast.AST] = []
    given = node.__dict__
    for field in fields:
        value = given.get(field)
        if value.__class__ is list:
            found += value
        elif value is not None:
            found.append(value)
    return [item for item in found if isinstance(item, ast.AST)] if kind in _NOT_ONLY_NODES else found


def parents(node: ast.AST) -> dict[ast.AST, ast.AST]:
    """The parent of every node below `node` that `walk` gives."""
    kept: dict[ast.AST, ast.AST] | None = node.__dict__.get(_PARENTS)
    if kept is None:
        kept = node.__dict__[_PARENTS] = {child: item for item in walk(node) for child in children(item)}
    return kept


def find(kind: type[_Node], node: ast.AST | None) -> Sequence[_Node]:
    """Every node of exactly one kind below `node`, itself included, in the order of `walk`; none below None."""
    if node is None:
        return ()
    kinds: dict[type[ast.AST], list[ast.AST]] | None = node.__dict__.get(_KINDS)
    if kinds is None:
        kinds = {}
        for item in walk(node)[1:]:
            kinds.setdefault(type(item), []).append(item)
        node.__dict__[_KINDS] = kinds
    below = cast("list[_Node]", kinds.get(kind, []))
    return [node, *below] if type(node) is kind else below


def statements_of(function: ast.FunctionDef) -> list[ast.stmt]:
    """What a function computes: its statements below the docstring, if it has one."""
    return function.body[ast.get_docstring(function) is not None :]


def spelled(node: ast.AST) -> str:
    """The text of a node as `ast.unparse` writes it, whatever its layout."""
    if isinstance(node, ast.Name):
        return node.id
    kept: str | None = node.__dict__.get(_TEXT)
    if kept is None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
            kept = f"{spelled(node.value)}.{node.attr}"
        else:
            kept = ast.unparse(node)
        node.__dict__[_TEXT] = kept
    return kept


def speaks_of(word: str, node: ast.AST | None) -> bool:
    """Whether a name, an attribute, a keyword or a text below `node` holds a word; docstrings aside."""
    docstrings = [item.value for item in find(ast.Expr, node)]
    texts = [item.value for item in find(ast.Constant, node) if item not in docstrings]
    spoken = [
        *(item.id for item in find(ast.Name, node)),
        *(item.attr for item in find(ast.Attribute, node)),
        *(item.arg for item in find(ast.keyword, node) if item.arg is not None),
        *(text for text in texts if isinstance(text, str)),
    ]
    return any(word in item for item in spoken)


def line_of(node: ast.AST, inside: ast.FunctionDef) -> int:
    """The line where a node begins; that of the function it stands in for a node that has none."""
    return getattr(node, "lineno", inside.lineno)


# What is kept on a node: the nodes below it, the same by their kind, their parents, and the node's text.
_BELOW, _KINDS, _PARENTS, _TEXT = "nodes_below", "nodes_by_kind", "parents_below", "text_spelled"
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}
