"""Which calls are dropout, and what is left of them at inference: their first argument."""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.rule import Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

FUNCTION = pattern("nn.functional.dropout($x, ...)")
SWITCHED = pattern("nn.functional.dropout($x, $_, {$_.training, training, False}, ...)")
SWITCHED_BY_KEYWORD = pattern("nn.functional.dropout($x, ..., training={$_.training, training, False})")


def drop_dropout(edits: Edits, modules: Collection[str] = ()) -> list[ast.Call]:
    """Replace calls of dropout by what they are given, and drop statements that then assign a name to itself.

    Args:
        edits: takes the edits.
        modules: how the class spells its dropout modules, such as `self.resid_dropout`.

    Returns:
        The calls, as they stand in the text.

    Raises:
        Unmatched: a call drops out at inference as well.
    """
    calls = [call for call in edits.code.nodes(ast.Call) if _is_dropout(call, edits.code, modules)]
    # From the inside out.
    for call in reversed(calls):
        statement = edits.code.statement_of(call)
        edits.replace(call, edits.text_of(call.args[0]))
        if isinstance(statement, ast.Assign) and edits.text_of(statement.value) == edits.text_of(statement.targets[0]):
            edits.remove(statement)
    return calls


def _is_dropout(call: ast.Call, code: Code, modules: Collection[str]) -> bool:
    if match(FUNCTION, call, code.aliases) is None:
        return bool(call.args) and isinstance(call.func, ast.Attribute) and spelled(call.func) in modules
    if all(match(switched, call, code.aliases) is None for switched in (SWITCHED, SWITCHED_BY_KEYWORD)):
        raise Unmatched("this drops out at inference as well", call)
    return True
