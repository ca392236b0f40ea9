"""Tell the cache position and batch index where a layer reads or writes a state.

A row that begins, at position 0, starts from zeros; a row of pads keeps its states; with continuous batching a row's
states are those of the cache row that `batch_index` names. All of that is the cache's to do, once it is told.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.conditions import LAYER_INDEX, Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import Change, make
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules.vocabulary import CACHE

NOTES = "cache_kwargs"
TOLD = f'{NOTES} = {{"position_ids": position_ids, "batch_index": batch_index}}'
OF_LAYER = {"layer": LAYER_INDEX}
CHANGES = (
    Change(
        f"{{{CACHE}.get_recurrent_state($layer), {CACHE}.get_recurrent_state($layer, state_idx=0)}}",
        f"{CACHE}.get_recurrent_state($layer, {NOTES})",
        where=OF_LAYER,
    ),
    Change(
        f"{CACHE}.update_conv_state($columns, $layer, conv_kernel_size=$kernel)",
        f"{CACHE}.update_conv_state($columns, $layer, {NOTES}, conv_kernel_size=$kernel)",
        where=OF_LAYER,
    ),
    Change(
        f"{{{CACHE}.update_recurrent_state($state, $layer),"
        f" {CACHE}.update_recurrent_state($state, layer_idx=$layer)}}",
        f"{CACHE}.update_recurrent_state($state, $layer, {NOTES})",
        where=OF_LAYER,
    ),
)


class StatesByPosition(Rule):
    why = "Positions say which rows begin and which tokens are pads, the batch index whose state a row has."
    roles = (Role.STATE_MIXER,)
    expect = Expect.AT_LEAST_ONE
    construct = ", ".join(change.expected for change in CHANGES)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        place = Place(code, anatomy.file.classes.get(function.owner or ""), anatomy)
        found = [(item, change) for change in CHANGES for item in change.matches(place)]
        if NOTES in code.names:
            raise Unmatched(f"`{NOTES}` is a name for something else here", code.tree)
        edits = Edits(code)
        for item, change in found:
            make(edits, item, change.give)
        if found:
            first = min((code.statement_of(item.node) for item, _ in found), key=lambda statement: statement.lineno)
            edits.insert_under_gap(_in_body(first, code), TOLD)
        return edits.done(), len(found)


def _in_body(statement: ast.stmt, code: Code) -> ast.stmt:
    """The statement of the function's own that holds another one, or is it."""
    return next(item for item in code.body if item is statement or any(node is statement for node in ast.walk(item)))
