"""Take the one entry of an axis where upstream drops the axis.

Where an axis of two is cut in two, each part has one entry along it. Traced, such an axis may have another size, and
dropping it becomes a branch that no runtime loads; taking its first entry is the same and none.

    x, gate = projected.view(batch_size, -1, 2, seq_len).chunk(2, dim=2)
    x = x.squeeze(2)                                                        -> x = x[:, :, 0]
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all, find_in, match
from rewrite_rules.vocabulary import pattern

CUT = pattern("$one, $other = $_.view($_, $_, 2, $_).chunk(2, dim=2)")
DROPPED = pattern("$part.squeeze(2)")
PART = pattern("$part = {$part.squeeze(2), $part.squeeze(2).contiguous()}")


class AxisOfOneTaken(Rule):
    why = "An axis of one entry that is dropped becomes a branch in the graph; its entry is taken instead."
    roles = (Role.STATE_MIXER,)
    names = ("squeeze",)

    @property
    def construct(self) -> str:
        return f"`{CUT}`, then `{PART.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for cut in find_all(CUT, code):
            block = code.block_of(cut.statements[0])
            at = next(index for index, item in enumerate(block) if item is cut.statements[0])
            for statement in block[at + 1 :]:
                part = match(PART, statement)
                if part is None or part.spelled("part") not in (cut.spelled("one"), cut.spelled("other")):
                    break
                for dropped in find_in(DROPPED, statement):
                    edits.replace(dropped.expression, f"{part.spelled('part')}[:, :, 0]")
                    count += 1
        return edits.done(), count
