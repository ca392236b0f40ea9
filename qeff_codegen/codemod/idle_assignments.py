"""Take away what a rule left without a reader.

A rule that drops the last use of a local name need not know where that name was bound; upstream's reader would ask
what it is for. An assignment of a name to itself says nothing either.
"""

from __future__ import annotations

import ast

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned


def without_idle_assignments(before: Code, after: Code) -> Code:
    """`after`, without assignments of local names that `before` reads and `after` no longer does.

    Only an assignment whose value calls nothing is taken away: what is called might do something. Of names assigned
    side by side, `a, b = x, y`, those that are still read stay.
    """
    read = _names_read(before)
    while True:
        idle = read - _names_read(after)
        edits = Edits(after)
        for node in after.nodes(ast.Assign):
            if _says_nothing(node):
                edits.remove(node)
            elif idle:
                _drop(edits, node, idle)
        for branch in after.nodes(ast.If):
            if (
                all(isinstance(item, ast.Pass) for item in branch.body)
                and not branch.orelse
                and not _acts(branch.test)
            ):
                _drop_branch(edits, branch)
        if not edits:
            return after
        after = edits.done()


def _names_read(code: Code) -> frozenset[str]:
    added_to = (node.target for node in code.nodes(ast.AugAssign))
    deleted = (node.id for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Del))
    return code.names_loaded.union((node.id for node in added_to if isinstance(node, ast.Name)), deleted)


def _drop(edits: Edits, node: ast.Assign, idle: frozenset[str]) -> None:
    if len(node.targets) != 1:
        return
    target, value = node.targets[0], node.value
    if _is_idle(target, value, idle):
        edits.remove(node)
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = list(zip(target.elts, value.elts, strict=True))
        kept = [pair for pair in pairs if not _is_idle(*pair, idle)]
        if not kept:
            edits.remove(node)
        elif len(kept) < len(pairs):
            edits.replace(target, ", ".join(edits.code.segment(pair[0]) for pair in kept))
            edits.replace(value, ", ".join(edits.code.segment(pair[1]) for pair in kept))


def _is_idle(target: ast.expr, value: ast.expr, idle: frozenset[str]) -> bool:
    return isinstance(target, ast.Name) and target.id in idle and not _acts(value)


def _says_nothing(node: ast.Assign) -> bool:
    """`x = x`, such as `x = x if <what is known to hold> else y` leaves."""
    named = assigned(node)
    return named is not None and isinstance(named[1], ast.Name) and named[0] == named[1].id


def _acts(value: ast.expr) -> bool:
    """Whether an expression calls something, or binds a name. Asking a tensor for its size does nothing."""
    if any(isinstance(node, ast.NamedExpr) for node in ast.walk(value)):
        return True
    calls = (node.func for node in ast.walk(value) if isinstance(node, ast.Call))
    return any(not (isinstance(function, ast.Attribute) and function.attr == "size") for function in calls)


def _drop_branch(edits: Edits, branch: ast.If) -> None:
    """Drop an `if` or `elif` that is the last of its chain."""
    holder = edits.code.parent(branch)
    start = edits.code.places.span(branch)[0]
    if isinstance(holder, ast.If) and holder.orelse == [branch] and edits.code.text.startswith("elif", start):
        first = edits.code.places.line_start(branch.lineno)
        edits.put(first, edits.code.places.line_start((branch.end_lineno or branch.lineno) + 1), "")
    else:
        edits.remove(branch)
