"""Multiply no pads by zero where a layer keeps a state, and hand it no mask of them.

The runtime's functions leave pads out by themselves, by `position_ids`, whatever a pad holds.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy, Part
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
from qeff_codegen.patterns.match import Match, find_all
from rewrite_rules.vocabulary import pattern

ZEROED = pattern("$zeroes($states, $mask)")
# The same in lines of the mixer's own; a type that is asked for is that of the states.
WRITTEN_OUT = pattern("""
if {$mask is not None, $mask is not None and $mask.shape[1] > 1 and $mask.shape[0] > 1}:
    if ...:
        $dtype = $states.dtype
    if ...:
        $mask = $mask.to(dtype=torch.bool)
    $states = {
        $states * $mask.unsqueeze(1),
        $states * $mask[:, -$states.shape[-1] :].unsqueeze(1),
        ($states * $mask[:, :, None]).to($dtype),
        $states * $mask[:, :, None].to($states.dtype),
        $states.masked_fill(~$mask.unsqueeze(1).unsqueeze(-1), 0),
    }
""")


class PadsNotMultiplied(Rule):
    why = "The runtime's functions leave pads out by `position_ids`; multiplied by zero they would still count."
    roles = (Role.DECODER_LAYER, Role.ATTENTION, Role.STATE_MIXER)
    construct = (
        f"`{ZEROED}`, where `$zeroes` multiplies its states by the mask, or `if $mask is not None: <the same>`, and "
        "no other use of the mask"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        if function.role is not Role.STATE_MIXER:
            return _handed_no_mask(code, anatomy, function.role)
        edits = Edits(code)
        zeroed = _zeroed(code, anatomy)
        for found in reversed(zeroed):
            statement = found.node if isinstance(found.node, ast.stmt) else code.statement_of(found.node)
            named = assigned(statement)
            if isinstance(found.node, ast.stmt) or (
                named is not None and named[1] is found.node and named[0] == found.name("states")
            ):
                _remove(edits, statement)
            else:
                edits.replace(found.expression, edits.text_of(found["states"]))
        masks = {MASK, *(found.name("mask") for found in zeroed)}
        drop_parameters(edits, sorted(masks))
        inside = {node for found in zeroed for node in ast.walk(found.node)}
        other = next((node for node in code.nodes(ast.Name) if node.id in masks and node not in inside), None)
        if other is not None:
            raise Unmatched(f"`{function.owner}` does more with the mask of pads than to zero them", other)
        return edits.done(), max(len(zeroed), int(bool(edits)))


def _zeroed(code: Code, anatomy: Anatomy) -> list[Match]:
    """Every place where a state mixer multiplies pads by zero, by a mask that it is given."""
    called = [found for found in find_all(ZEROED, code) if _zeroes_pads(found.name("zeroes"), anatomy)]
    return [found for found in (*called, *find_all(WRITTEN_OUT, code)) if found.name("mask") in code.parameters]


def _remove(edits: Edits, statement: ast.stmt) -> None:
    """Remove a statement; what then stands first in the function has no blank lines above it."""
    edits.remove(statement)
    if statement is edits.code.body[0] and len(edits.code.body) > 1:
        following = edits.code.body[1]
        edits.replace_above(following, [line for line in edits.above(following) if line])


def _zeroes_pads(name: str, anatomy: Anatomy) -> bool:
    function = known_function(name, anatomy.file)
    return function is not None and function.computes == ZEROES_PADS


def _handed_no_mask(code: Code, anatomy: Anatomy, role: Role) -> tuple[Code, int]:
    """A decoder layer, or an attention, that hands its state mixers no mask of pads."""
    edits, count = Edits(code), 0
    called = dict(anatomy.calls(role, code.tree))
    for call in code.nodes(ast.Call):
        mixer = anatomy.mixer_called(call, code) if role is Role.DECODER_LAYER else called.get(call, (None,))[0]
        if mixer is None or mixer.role is not Role.STATE_MIXER:
            continue
        names = parameters(mixer.forward)
        masks = {MASK, *_masks_of_pads(mixer, anatomy)}
        gone: list[ast.expr | ast.keyword] = [
            item for name, item in zip(names, call.args, strict=False) if name in masks
        ]
        if gone and call.args[-1] is not gone[0]:
            raise Unmatched(f"`{spelled(call.func)}` is given more by place after the mask", call)
        gone += [item for item in call.keywords if item.arg in masks]
        drop_arguments(edits, call, gone)
        count += len(gone)
    return edits.done(), count


def _masks_of_pads(mixer: Part, anatomy: Anatomy) -> set[str]:
    """The parameters of a state mixer, as upstream has it, by which it is told of pads."""
    code = Code(f"{ast.unparse(mixer.forward)}\n", anatomy.file.aliases)
    return {found.name("mask") for found in _zeroed(code, anatomy)}
