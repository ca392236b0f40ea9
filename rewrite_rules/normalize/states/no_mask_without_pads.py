"""Hand layers that keep a state no mask, where upstream makes theirs from the mask of the tokens.

An exported decoder is given no such mask, and without one upstream's mask for these layers is None: a method passes
the tokens' mask on where it marks pads and no call came before, or the model itself does where there are several
tokens.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import bind, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import spelled, statements_of
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

MASK = "attention_mask"
PASSED_ON = pattern(f"{{{MASK} if $_.shape[1] != 1 else None, None if $_.shape[1] == 1 else {MASK}}}")
# The statements of a method that passes the mask on.
PASSES_ON = pattern("""
$passed = $mask
if ($cache is not None and $cache.has_previous_state()) or ($mask is not None and torch.all($mask == 1)):
    $passed = None
return $passed
""")


class NoMaskWithoutPads(Rule):
    why = "The graph is given no mask of the tokens, and without one upstream hands none to layers that keep a state."
    roles = (Role.MODEL,)
    names = (MASK,)

    @property
    def construct(self) -> str:
        return f"`{PASSED_ON.shown}`, or a method that does `{PASSES_ON.shown}`"

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        for part in draft.anatomy.parts(Role.MODEL):
            draft.leave_uncalled(part.name)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        part = anatomy.part(function.owner or "")
        if not function.is_forward or part is None:
            return code, 0
        edits = Edits(code)
        found = find_all(PASSED_ON, code)
        for item in found:
            edits.replace(item.expression, "None")
        count = len(found)
        for call in code.nodes(ast.Call):
            method = part.cls.methods.get(self_attribute(call.func) or "")
            passes = match(PASSES_ON, statements_of(method)) if method is not None else None
            if method is None or passes is None:
                continue
            given = bind(call, method).get(passes.spelled("mask"))
            if given is not None and spelled(given) == MASK:
                edits.replace(call, "None")
                count += 1
        return edits.done(), count
