"""Drop the masks of attention heads that releases of 4.x take, and that the export never gives.

Given None, upstream multiplies nothing: `self.get_head_mask(None, n)` is None for every layer. So what asks for such a
mask is decided, no layer is handed one, and the parameter goes, in every function that has it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.calls import arguments_of, drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

# What such masks are called: of all layers, of one, of an encoder's, or of the attention to an encoder.
HEAD_MASK = "head_mask"
NAMES = tuple(f"{part}{HEAD_MASK}" for part in ("", "layer_", "cross_attn_", "cross_attn_layer_", "decoder_"))
IS_TENSOR = pattern("isinstance($mask, torch.Tensor)")
NONE = pattern("{None, [None] * $_}")
OF_LAYER, OF_ALL = pattern("$masks[$_]"), pattern("self.get_head_mask($masks, ...)")
# A check of each mask that is given, one after another.
CHECKED = pattern("""
for $mask, $_ in zip([$...masks], $_):
    if $mask is not None:
        ...
""")


class NoHeadMask(Rule):
    why = "No mask of heads is ever given, so nothing asks for one, multiplies by one or hands one on."
    roles = (*CALL_PATH, Role.ATTENTION_FUNCTION)
    names = NAMES
    construct = f"branches on `{HEAD_MASK} is not None`, `{OF_ALL}`, and arguments that hand such masks on"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        masks = {name for name in NAMES if name in function.code.names or name in function.code.parameters}
        edits = Edits(_without_bindings(function.code, masks))
        for call in [item for item in edits.code.nodes(ast.Call) if match(IS_TENSOR, item) is None]:
            drop_arguments(edits, call, [item for item in arguments_of(call) if _hands_on(item, masks)])
        code, _ = fold(edits.done(), lambda test: _truth(test, masks))
        edits = Edits(code)
        drop_parameters(edits, masks)
        left = edits.done()
        used = next((node for node in left.nodes(ast.Name) if node.id in masks), None)
        if used is not None:
            raise Unmatched(f"`{used.id}` is used for more than to multiply by it", function.code.tree)
        return left, 1


def _truth(test: ast.expr, masks: Collection[str]) -> bool | None:
    found = match(IS_TENSOR, test)
    return False if found is not None and found.name("mask") in masks else none_comparison(test, masks)


def _is_none(value: ast.expr, masks: Collection[str]) -> bool:
    """Whether an expression is None, for one layer or for all, where every mask is."""
    if isinstance(value, ast.IfExp) and (known := _truth(value.test, masks)) is not None:
        return _is_none(value.body if known else value.orelse, masks)
    held = next((found for item in (OF_LAYER, OF_ALL) if (found := match(item, value)) is not None), None)
    if held is not None:
        return held.name("masks") in masks
    return match(NONE, value) is not None or (isinstance(value, ast.Name) and value.id in masks)


def _hands_on(argument: ast.expr | ast.keyword, masks: Collection[str]) -> bool:
    """Whether an argument hands a mask on, or says by its name that there is none."""
    if isinstance(argument, ast.keyword):
        return argument.arg in NAMES and _is_none(argument.value, masks)
    return any(name.id in masks for name in find(ast.Name, argument)) and _is_none(argument, masks)


def _without_bindings(code: Code, masks: Collection[str]) -> Code:
    """A function without what names masks that are None, and without the loops that check them."""
    edits = Edits(code)
    for node in code.nodes(ast.Assign):
        named = assigned(node)
        if named is not None and named[0] in masks and _is_none(named[1], masks):
            edits.remove(node)
    for found in find_all(CHECKED, code):
        checked = found.bound["masks"]
        assert isinstance(checked, list)
        if all(isinstance(item, ast.Name) and item.id in masks for item in checked):
            edits.remove(found.statements[0])
    return edits.done()
