"""Take the mask as it is where upstream cuts it to the number of keys.

Older releases have caches that give fewer keys than the mask has columns. The generated mask is as wide as the keys
that attention reads, so nothing is cut off it, whether the slice takes the mask's own name or is added as it stands.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

ROWS = "$mask[:, :, :, :$_.shape[-2]]"
# From the inside out.
CUT = (pattern(f"$mask = {ROWS}"), pattern(f"if $mask is not None:\n    $mask = {ROWS}"))
ADDED = pattern(f"$scores + {ROWS}")


class MaskAsWideAsKeys(Rule):
    why = "The mask is as wide as the keys that are read, so a slice of it to their number is the mask."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    construct = f"`{CUT[0]}`, or `{ADDED}`, the mask being what attention is given"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        mask = anatomy.mask_parameters.get(function.qualified_name)
        if mask is None:
            return code, 0
        edits = Edits(code)
        cut = [found.statements[0] for form in CUT for found in find_all(form, code) if found.name("mask") == mask]
        added = [found for found in find_all(ADDED, code) if found.name("mask") == mask]
        for statement in cut:
            edits.remove(statement)
        for found in added:
            make(edits, found, "$scores + $mask")
        return edits.done(), len(cut) + len(added)
