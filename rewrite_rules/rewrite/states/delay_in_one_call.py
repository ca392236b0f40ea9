"""Give each token what the token before it has by the runtime's function, which knows pads and where rows begin.

Upstream puts what the last token of the call before had in front, and keeps what the call's own last one has: a pad,
it may be. For a row that begins there is no token before; what stands in its place is what upstream makes of zeros.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import values_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import CACHE, pattern

DELAYED = pattern("""
if $kept is not None:
    $kept = $kept.unsqueeze(1)
else:
    $kept = $project($hidden.new_zeros(...))
$result = torch.cat([$kept, $tokens[:, :-1]], dim=1)
""")
PROJECTED = pattern("$project($hidden)")
LAST = pattern(f"{CACHE}.update_recurrent_state($tokens[:, -1, :], ...)")
GIVEN = """
$result, $kept = delayed_by_one(
    $tokens, first={first}, initial_state=$kept, position_ids=position_ids
)
"""


class DelayInOneCall(Rule):
    why = "The runtime's function keeps what the last token has that is no pad, and knows which rows begin."
    roles = (Role.STATE_MIXER,)
    names = ("update_recurrent_state",)

    @property
    def construct(self) -> str:
        return f"`{DELAYED.shown}`, with `$tokens = {PROJECTED}`, and `{LAST}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for found in find_all(DELAYED, code):
            values = values_of(found.name("tokens"), code)
            kept = [item for item in find_all(LAST, code) if item.spelled("tokens") == found.spelled("tokens")]
            if len(values) != 1 or match(PROJECTED, values[0], known=found.bound) is None:
                raise Unmatched("the first token is given something else than what zeros would give", found.node)
            choice = found.node
            assert isinstance(choice, ast.If) and isinstance(choice.orelse[0], ast.Assign)
            if len(kept) != 1 or kept[0].expression.lineno < choice.lineno:
                raise Unmatched("what the last token has is not what is kept", choice)
            first = code.segment(choice.orelse[0].value)
            make(edits, found, GIVEN.format(first=first))
            call = kept[0].node
            assert isinstance(call, ast.Call)
            edits.replace(call.args[0], found.spelled("kept"))
            count += 1
        return edits.done(), count
