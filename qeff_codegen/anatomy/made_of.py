"""Which parameters the results of a function are made of, as far as its statements show."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find

# What asks a tensor for its size, dtype or device alone takes none of its numbers.
ASKED = {"device", "dtype", "new_empty", "new_zeros", "shape", "size"}


def made_of(function: ast.FunctionDef) -> list[set[str]] | None:
    """For every value of the tuple that a function returns: the parameters whose numbers it holds.

    None when the function does not end in its only return, of a tuple written out.
    """
    *body, last = function.body
    if (
        not isinstance(last, ast.Return)
        or len(find(ast.Return, function)) != 1
        or not isinstance(last.value, ast.Tuple)
    ):
        return None
    held = {item.arg: {item.arg} for item in (*function.args.args, *function.args.kwonlyargs)}
    for statement in body:
        _run(statement, held)
    return [_numbers_in(item, held) for item in last.value.elts]


def _run(statement: ast.stmt, held: dict[str, set[str]]) -> None:
    """Follow one statement; one with others inside may run or not, so it only adds to what names hold."""
    if isinstance(statement, ast.Assign) and all(isinstance(item, ast.Name | ast.Tuple) for item in statement.targets):
        numbers = _numbers_in(statement.value, held)
        for target in statement.targets:
            held.update(dict.fromkeys(_names(target), numbers))
        return
    numbers = _numbers_in(statement, held)
    for name in _names(statement):
        held[name] = held.get(name, set()) | numbers


def _names(node: ast.AST) -> list[str]:
    """Every name in `node`: those it binds, and those it may change in place."""
    return [item.id for item in find(ast.Name, node)]


def _numbers_in(node: ast.AST, held: dict[str, set[str]]) -> set[str]:
    """The parameters whose numbers an expression or a statement takes."""
    if isinstance(node, ast.Attribute) and node.attr in ASKED:
        return set()
    if isinstance(node, ast.Name):
        return held.get(node.id, set())
    return set().union(*(_numbers_in(child, held) for child in ast.iter_child_nodes(node)))
