"""Hand a layer its number, where what keeps its state has none.

A module that keeps its state on itself needs no number of its layer. In the cache a state has its place by it,
so the loop over layers hands it on, down to where the state is read and written.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.handed_on import carried_by_kwargs
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.vocabulary import LAYER_NUMBER
from qeff_codegen.codemod.calls import add_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

COUNTED = pattern("enumerate($layers)")


class LayerNumberHandedOn(Rule):
    why = "A state has its place in the cache by the number of its layer."
    roles = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.STATE_MIXER)
    construct = "`for $number, $layer in enumerate($layers)`, of which some keep a state and no number"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, role = function.code, function.role
        without = any(not part.cache_parameter for part in anatomy.parts(Role.STATE_MIXER))
        looping = Role.LAYER_STACK if anatomy.parts(Role.LAYER_STACK) else Role.MODEL
        if not function.is_forward or not without or role in {Role.MODEL, Role.LAYER_STACK} - {looping}:
            return code, 0
        edits, count = Edits(code), 0
        calls = anatomy.calls(role, code.tree)
        if role is Role.DECODER_LAYER:
            if carried_by_kwargs(code.tree, anatomy.callees(role))(LAYER_NUMBER):
                return code, 0
            add_parameters(edits, {LAYER_NUMBER: "int | None"})
        for call, _ in calls:
            add_keywords(edits, call, {LAYER_NUMBER: _counted(call, code) if role is looping else LAYER_NUMBER})
            count += 1
        return edits.done(), count


def _counted(call: ast.Call, code: Code) -> str:
    """What the loop that a call stands in counts its layers by.

    Raises:
        Unmatched: it does not count them from 0 on.
    """
    for loop in code.parents(call):
        if isinstance(loop, ast.For) and match(COUNTED, loop.iter) is not None and isinstance(loop.target, ast.Tuple):
            number = loop.target.elts[0]
            if isinstance(number, ast.Name):
                return number.id
    raise Unmatched("the loop over layers, of which some keep a state and no number, does not count them", call)
