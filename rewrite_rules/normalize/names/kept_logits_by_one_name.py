"""Call the number of kept logits `logits_to_keep`, as newer releases do, where older ones call it otherwise.

`num_logits_to_keep` was an integer and no more in 4.45 to 4.47; the generated causal LM has a parameter of that name
that means another thing, and takes the place of `logits_to_keep`.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import rename
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule

OLD, NEW = "num_logits_to_keep", "logits_to_keep"


class KeptLogitsByOneName(Rule):
    why = "The number of kept logits has one name; older releases call it what the generated code calls another thing."
    roles = (Role.CAUSAL_LM,)
    names = (OLD,)
    construct = f"a parameter `{OLD}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or OLD not in code.parameters:
            return code, 0
        edits = Edits(code)
        count = rename(edits, OLD, NEW)
        return edits.done(), count
