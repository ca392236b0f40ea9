"""Keep what a linear recurrence has come to in the cache, where a module keeps it on itself.

Upstream goes through the tokens one after another, in a method of the module, which is given what it gave last. The
runtime's function takes a call of any length from the state of each row; where a sequence begins that is zeros, and
the gate need not be zero.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.module_states import SCAN, SCANNED, recurrence_kept
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.vocabulary import LAYER_NUMBER
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules.vocabulary import CACHE

GIVEN = f"""
$new = {CACHE}.get_recurrent_state({LAYER_NUMBER})
$out, $new = linear_recurrence($states, $gate, initial_state=$new, position_ids=position_ids)
{CACHE}.update_recurrent_state($new, {LAYER_NUMBER})
"""


class RecurrenceKeptInCache(Rule):
    why = "What a row has come to is an input and an output of the graph; the runtime's function takes any length."
    roles = (Role.STATE_MIXER,)

    @property
    def construct(self) -> str:
        return f"`{SCANNED.shown}`, where `$scan` is `{SCAN.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        found = recurrence_kept(code, anatomy.file.classes[function.owner or ""]) if function.is_forward else None
        if found is None:
            return code, 0
        if LAYER_NUMBER in code.names:
            raise Unmatched(f"`{LAYER_NUMBER}` is a name for something else here", code.tree)
        edits = Edits(code)
        make(edits, found, GIVEN)
        add_parameters(edits, {LAYER_NUMBER: "int | None"})
        return edits.done(), 1
