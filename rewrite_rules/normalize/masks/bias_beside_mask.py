"""Hand a bias on beside the mask that upstream has merged it into.

The mask is boolean in the graph and nothing is computed with it, so a bias that upstream writes into its mask, to add
both at once, travels as an argument of its own and is added where the mask is.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import add_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits, block_text
from qeff_codegen.codemod.names import assigned, names_in
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from rewrite_rules.vocabulary import pattern

BIAS = "mask_bias"
MERGED = pattern("$mask = torch.masked_fill($bias, $mask < -1, $least)")
LEAST = pattern("torch.finfo($_).min")
# What is asked of the mask before a bias is merged into it, and how a boolean one becomes a number.
IS_THERE = pattern("{$mask is not None, $mask.ndim == 4}")
MADE_A_NUMBER = pattern("if $mask.dtype == torch.bool:\n    $mask = $_")
ADDED = pattern(f"{{$scores + {MASK}, {MASK} + $scores}}")
# What reads no value of a mask; the export never calls a fused kernel.
NO_VALUES = pattern("{$_ is None, $_ is not None, $_.shape, torch.nn.functional.scaled_dot_product_attention(...)}")


class BiasBesideMask(Rule):
    why = "The mask is boolean, so a bias that upstream writes into it is handed on and added by itself."
    roles = (Role.MODEL, Role.DECODER_LAYER, Role.ATTENTION)
    construct = f"`{MERGED}` in a branch on the mask's form"

    def apply(self, draft: Draft) -> None:
        self.is_merged = any(find_all(MERGED, item.code) for item in draft.of(Role.MODEL) if item.is_forward)
        super().apply(draft)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or not self.is_merged:
            return code, 0
        if BIAS in code.names or BIAS in code.parameters:
            raise Unmatched(f"`{BIAS}` is a name for something else here", code.tree)
        edits = Edits(code)
        if function.role is Role.MODEL:
            for branch in code.nodes(ast.If):
                if any(match(MERGED, item) is not None for item in branch.body):
                    _bind_apart(branch, edits)
        else:
            add_parameters(edits, {BIAS: "torch.Tensor | None"})
        callees = anatomy.callees(function.role)
        calls = [node for node in code.nodes(ast.Call) if ast.unparse(node.func) in callees]
        for call in calls:
            add_keywords(edits, call, {BIAS: BIAS})
        sums = find_all(ADDED, code) if function.role is Role.ATTENTION else []
        for found in reversed(sums):
            scores = edits.text_of(found["scores"])
            edits.replace(found.expression, f"({scores} if {BIAS} is None else {scores} + {BIAS}) + {MASK}")
        count = len(calls) + len(sums)
        if not count or (function.role is Role.ATTENTION and count != _uses(code)):
            raise Unmatched("the mask that a bias was merged into is used in another way", code.tree)
        return edits.done(), count


def _uses(code: Code) -> int:
    """How often a function reads the values of its mask."""
    masks = [node for node in code.nodes(ast.Name) if node.id == MASK and isinstance(node.ctx, ast.Load)]
    return sum(all(match(NO_VALUES, item) is None for item in code.parents(node)) for node in masks)


def _bind_apart(branch: ast.If, edits: Edits) -> None:
    """Bind the bias by its own name in a branch that merges it into the mask; elsewhere it is None."""
    merged = match(MERGED, branch.body[-1])
    test = None if merged is None else _without_form(branch.test, merged)
    if merged is None or test is None or branch.orelse:
        raise Unmatched("a bias is merged into the mask under a condition that is not understood", branch)
    kept = [item for item in branch.body[:-1] if not _is_about_form(item, merged)]
    stray = next((item for item in kept if merged.spelled("mask") in names_in(item)), None)
    if stray is not None:
        raise Unmatched("the mask that a bias is merged into is computed with", stray)
    texts = [edits.statement_text(item) for item in kept[:1]]
    texts += [edits.statement_with_comments(item) for item in kept[1:]]
    texts.append(f"{BIAS} = {merged.spelled('bias')}")
    edits.replace_statement(branch, f"{BIAS} = None\nif {ast.unparse(test)}:\n{block_text(texts)}")


def _is_about_form(item: ast.stmt, merged: Match) -> bool:
    """Whether a statement only names the least number, or brings a boolean mask into the form of a number."""
    named, least = assigned(item), merged.spelled("least")
    if named is not None and named[0] == least:
        if match(LEAST, named[1]) is None:
            raise Unmatched(f"`{least}`, which stands for the mask, is not the least number", item)
        return True
    number = match(MADE_A_NUMBER, item)
    return number is not None and number.spelled("mask") == merged.spelled("mask")


def _without_form(test: ast.expr, merged: Match) -> ast.expr | None:
    """What a conjunction asks beside whether the mask is there and has four dimensions, if it is one thing."""
    terms = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    mask = merged.spelled("mask")
    asked = [(item, match(IS_THERE, item)) for item in terms]
    kept = [item for item, found in asked if found is None or found.spelled("mask") != mask]
    return kept[0] if len(kept) == 1 and mask not in names_in(kept[0]) else None
