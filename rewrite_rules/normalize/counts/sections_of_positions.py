"""Take the positions of an image's tokens beside `position_ids`, where a model has several kinds of them.

A token of an image stands in a row and a column, and its rotation is by both. Where it stands in the text, which says
what it may attend to and which slot it is written to, is another number. Upstream takes all kinds in one tensor and
sets that in the text apart. Here each is an argument: `position_ids`, as for text, and `position_sections`,
`[kinds, batch, tokens]`, which the rotary embedding alone is given.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.position_kinds import SECTIONS, SET_APART, SPREAD, text_positions
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import read_instead
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import POSITIONS, pattern

ABSENT = pattern(f"{POSITIONS} is None")


class SectionsOfPositions(Rule):
    why = "An image's tokens are rotated by rows and columns, and cached and masked by their places in the text."
    roles = (Role.MODEL,)
    names = (POSITIONS,)

    @property
    def construct(self) -> str:
        return f"`{SPREAD}`, then `{SET_APART.shown}`, and the other kinds for a rotary embedding alone"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or SECTIONS not in parameters(anatomy.causal_lm.forward):
            return code, 0
        text = text_positions(code.tree)
        if text is None:
            raise Unmatched("positions are of other kinds than those of images", code.tree)
        edits = Edits(code)
        for found in (*find_all(SPREAD, code), *find_all(SET_APART, code)):
            edits.remove(code.statement_of(found.node))
        code = edits.done()
        edits = Edits(code)
        for name in _for_rotation(code, anatomy):
            edits.replace(name, SECTIONS)
        read_instead(edits, text, POSITIONS)
        add_parameters(edits, {SECTIONS: "torch.LongTensor | None"})
        return edits.done(), 1


def _for_rotation(code: Code, anatomy: Anatomy) -> list[ast.Name]:
    """Where all kinds of position are read, which must be where a rotary embedding is called."""
    rotary = {part.name for part in anatomy.parts(Role.ROTARY_EMBEDDING)}
    called = {f"self.{name}" for name, built in anatomy.model.cls.built.items() if rotary.issuperset(built)}
    made_up = {inner for found in find_all(ABSENT, code) for inner in ast.walk(code.statement_of(found.node))}
    layers = [call for call, _ in anatomy.calls(Role.MODEL, code.tree)] if _only_hand_on(anatomy) else []
    found = []
    for name in code.nodes(ast.Name):
        if name.id != POSITIONS or name in made_up:
            continue
        call = code.parent(name)
        call = code.parent(call) if isinstance(call, ast.keyword) else call
        if call in layers:
            continue
        if not isinstance(call, ast.Call) or spelled(call.func) not in called:
            raise Unmatched("positions of all kinds go elsewhere than into the rotation", name)
        found.append(name)
    return found


def _only_hand_on(anatomy: Anatomy) -> bool:
    """Whether what is called from the layers inwards only hands positions on: it is given those in the text then."""
    functions = [anatomy.file.functions[name] for name in anatomy.attention_functions]
    if any(POSITIONS in parameters(function) for function in functions):
        return False
    inside = [part for role in (Role.DECODER_LAYER, Role.ATTENTION) for part in anatomy.parts(role)]
    for part in inside:
        handed = {item.value for item in find(ast.keyword, part.forward) if item.arg == POSITIONS}
        if any(name.id == POSITIONS and name not in handed for name in find(ast.Name, part.forward)):
            return False
    return True
