"""Multiply no pads by zero where a layer keeps a state, and hand it no mask.

The runtime's functions leave pads out by themselves, by `position_ids`, whatever a pad holds.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_functions import ZEROES_PADS, known_function
from qeff_codegen.codemod.calls import drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

ZEROED = pattern(f"$zeroes($states, {MASK})")
# The same in lines of the mixer's own; a type that is asked for is that of the states.
ZEROED_HERE = pattern(f"""
if {{{MASK} is not None, {MASK} is not None and {MASK}.shape[1] > 1 and {MASK}.shape[0] > 1}}:
    if ...:
        $dtype = $states.dtype
    $states = {{
        $states * {MASK}.unsqueeze(1),
        $states * {MASK}[:, -$states.shape[-1] :].unsqueeze(1),
        ($states * {MASK}[:, :, None]).to($dtype),
    }}
""")


class PadsNotMultiplied(Rule):
    why = "The runtime's functions leave pads out by `position_ids`; multiplied by zero they would still count."
    roles = (Role.DECODER_LAYER, Role.STATE_MIXER)
    names = (MASK,)
    construct = (
        f"`{ZEROED}`, where `$zeroes` multiplies its states by the mask, or `if {MASK} is not None: <the same>`,"
        " and no other use of the mask"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        if function.role is Role.DECODER_LAYER:
            return _handed_no_mask(code, anatomy)
        edits = Edits(code)
        zeroed = [item for item in find_all(ZEROED, code) if _zeroes_pads(item.name("zeroes"), anatomy)]
        for found in reversed(zeroed):
            statement = code.statement_of(found.node)
            named = assigned(statement)
            if named is not None and named[1] is found.node and named[0] == found.name("states"):
                _remove(edits, statement)
            else:
                edits.replace(found.expression, edits.text_of(found["states"]))
        zeroed_here = find_all(ZEROED_HERE, code)
        for found in zeroed_here:
            _remove(edits, found.statements[0])
        drop_parameters(edits, [MASK])
        inside = {node for found in (*zeroed, *zeroed_here) for node in ast.walk(found.node)}
        other = next((node for node in code.nodes(ast.Name) if node.id == MASK and node not in inside), None)
        if other is not None:
            raise Unmatched(f"`{function.owner}` does more with the mask of pads than to zero them", other)
        return edits.done(), max(len(zeroed) + len(zeroed_here), int(bool(edits)))


def _remove(edits: Edits, statement: ast.stmt) -> None:
    """Remove a statement; what then stands first in the function has no blank lines above it."""
    edits.remove(statement)
    if statement is edits.code.body[0] and len(edits.code.body) > 1:
        following = edits.code.body[1]
        edits.replace_above(following, [line for line in edits.above(following) if line])


def _zeroes_pads(name: str, anatomy: Anatomy) -> bool:
    function = known_function(name, anatomy.file)
    return function is not None and function.computes == ZEROES_PADS


def _handed_no_mask(code: Code, anatomy: Anatomy) -> tuple[Code, int]:
    """A decoder layer that hands its state mixers no mask."""
    edits, count = Edits(code), 0
    for call in code.nodes(ast.Call):
        mixer = anatomy.mixer_called(call, code)
        if mixer is None:
            continue
        names = parameters(mixer.forward)
        gone: list[ast.expr | ast.keyword] = [
            item for name, item in zip(names, call.args, strict=False) if name == MASK
        ]
        if gone and call.args[-1] is not gone[0]:
            raise Unmatched(f"`{spelled(call.func)}` is given more by place after the mask", call)
        gone += [item for item in call.keywords if item.arg == MASK]
        drop_arguments(edits, call, gone)
        count += len(gone)
    return edits.done(), count
