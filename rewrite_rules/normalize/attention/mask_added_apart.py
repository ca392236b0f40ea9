"""Write the sum of scores and mask as one where upstream adds the mask in place.

`scores += mask` and `scores = scores + mask` are the same numbers; later rules see one spelling. The mask is the one
that attention is given, or a slice of it by a name of its own. A slice to the number of keys, which the generated mask
has, is not taken where it shares its name with something else.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import names_of_mask
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import values_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

ADDED = pattern("$scores += $mask")
SLICED_AND_ADDED = pattern("""
$rows = $mask[:, :, :, :$_.shape[-2]]
$scores = $scores + $rows
""")


class MaskAddedApart(Rule):
    why = "A sum in place and a sum by name are the same numbers; later rules see one spelling."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    construct = f"`{ADDED}`, the mask being what attention is given, or a slice of it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        mask = anatomy.mask_parameters.get(function.qualified_name)
        if mask is None:
            return code, 0
        edits = Edits(code)
        masks = names_of_mask(code.tree, mask)
        count = 0
        for node in code.nodes(ast.AugAssign):
            found = match(ADDED, node)
            if found is not None and found.are_names("scores") and (added := found.spelled("mask")) in masks:
                edits.put(*code.span(node), f"{found.spelled('scores')} = {found.spelled('scores')} + {added}")
                count += 1
        for block in code.blocks():
            found = match(SLICED_AND_ADDED, block)
            if found is None or not found.are_names("scores", "rows") or found.spelled("mask") != mask:
                continue
            if len(values_of(found.spelled("rows"), code)) < 2:
                continue
            edits.replace_statements(block, f"{found.spelled('scores')} = {found.spelled('scores')} + {mask}")
            count += 1
        return edits.done(), count
