"""Give every token one position, where a model has several kinds of them that are the same for text.

Models that may also see have a position for the place in the text and others for time, height and width. Given one for
each token, they take it for every kind, so the rotation by kinds is that by the one position, and the mask and the
cache are given it too. Rows of positions that differ are those of images, which the exported decoder does not take.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.position_kinds import SECTIONS, SET_APART, SPREAD, text_positions
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import read_instead
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import POSITIONS


class OneKindOfPosition(Rule):
    why = "Text has one position for each token; what has several kinds of them takes the same for all."
    roles = (Role.MODEL,)
    names = (POSITIONS,)

    @property
    def construct(self) -> str:
        return f"`{SPREAD}`, then `{SET_APART.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        takes_sections = SECTIONS in parameters(anatomy.causal_lm.forward)
        text = text_positions(code.tree) if function.is_forward and not takes_sections else None
        if text is None:
            return code, 0
        edits = Edits(code)
        for found in (*find_all(SPREAD, code), *find_all(SET_APART, code)):
            edits.remove(code.statement_of(found.node))
        edits = Edits(edits.done())
        read_instead(edits, text, POSITIONS)
        return edits.done(), 1
