"""The mask goes from where it is built to where it selects scores, and nothing is computed with it on the way.

It is boolean where upstream's is a number to add. Half of it, its copy, or its sum with the scores in a function that
nobody saw receive it would be computed all the same, and mean something else.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.bindings import names_standing_for
from qeff_codegen.anatomy.modeling_file import bind
from qeff_codegen.anatomy.roles import INNERMOST, Role
from qeff_codegen.codemod.bindings import bindings, bound_names
from qeff_codegen.codemod.tree import find, line_of, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check
from qeff_codegen.targets.target import PREFIX

# The causal LM and the model are given upstream's attention mask, which says which tokens are pads, or nothing; the
# boolean one begins in the model.
ROLES = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, *INNERMOST)
# The runtime's attention in blocks.
IN_BLOCKS = "generic_blocked_attention_interface"
# The mask of the keys that an indexer chose, among those that its own mask allows.
CHOOSING = "all_but_largest"
BUILDERS = ("_create_causal_mask", "_create_chunked_causal_mask")
SIZES = {"shape", "size", "device", "dtype"}


class MaskUnchanged(Check):
    promise = "The mask is handed on as it was built, to functions that select scores by it."

    def broken(self, module: FinishedModule) -> list[Broken]:
        return _made_outside(module) + [
            Broken(
                f"`{part.name}` computes with the attention mask: `{spelled(use)}`",
                generated=line_of(_decided_at(use, forward), forward),
            )
            for role in ROLES
            for part in module.anatomy.parts(role)
            if (forward := module.method(part.name, "forward")) is not None
            for use in _other_uses(
                forward,
                set() if role is Role.MODEL else {MASK},
                _receivers(module, part.name, set(module.anatomy.callees(role)), forward),
            )
        ]


def _decided_at(use: ast.AST, forward: ast.FunctionDef) -> ast.AST:
    """Where it is decided what is done with the mask: where a name is bound, if one is called that is."""
    called = use.func if isinstance(use, ast.Call) else None
    if not isinstance(called, ast.Name):
        return use
    bound = [binding.node for binding in bindings(forward) if binding.name == called.id]
    return bound[-1] if bound else use


def _made_outside(module: FinishedModule) -> list[Broken]:
    """Where the causal LM gives its model another mask of the tokens than its own, which the model does not read."""
    callees = module.anatomy.callees(Role.CAUSAL_LM)
    found = []
    for part in module.anatomy.parts(Role.CAUSAL_LM):
        forward = module.method(part.name, "forward")
        for call in [item for item in find(ast.Call, forward) if spelled(item.func) in callees]:
            given = bind(call, callees[spelled(call.func)].forward).get(MASK)
            made = given is not None and spelled(given) not in (MASK, "None")
            if made or (forward is not None and MASK in bound_names(forward)):
                what = f"`{part.name}` makes a mask of the tokens: `{spelled(given or call)}`"
                found.append(Broken(what, generated=call.lineno))
    return found


def _receivers(module: FinishedModule, owner: str, callees: set[str], forward: ast.FunctionDef) -> set[str]:
    """Spellings of what may be given the mask: the next part, and what is known to select scores."""
    methods = {f"self.{name.split('.')[1]}" for name in module.anatomy.mask_parameters if name.split(".")[0] == owner}
    functions = set(module.anatomy.attention_functions)
    functions |= {f"{PREFIX.lower()}_{name}" for name in functions}
    blocked = {f"over_key_blocks({name}, self.num_kv_blocks)" for name in functions}
    return callees | methods | functions | {IN_BLOCKS, CHOOSING} | names_standing_for(functions | blocked, forward)


def _other_uses(forward: ast.FunctionDef, given: set[str], receivers: set[str]) -> list[ast.AST]:
    masks = _names_of_masks(forward, given)
    above = parents(forward)
    return [
        above[node]
        for node in find(ast.Name, forward)
        if isinstance(node.ctx, ast.Load) and node.id in masks and not _is_handed_on(node, above, receivers, masks)
    ]


def _names_of_masks(forward: ast.FunctionDef, given: set[str]) -> set[str]:
    """The masks given, and every name that a built mask, a dictionary of them or another name of it is bound to."""
    names = set(given)
    assignments = find(ast.Assign, forward)
    for _ in range(len(assignments) + 1):
        found = {
            target.id
            for node in assignments
            if _holds_mask(node.value, names)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if found <= names:
            break
        names |= found
    return names


def _holds_mask(value: ast.expr, names: set[str]) -> bool:
    if isinstance(value, ast.Dict):
        return any(_holds_mask(item, names) for item in value.values)
    if isinstance(value, ast.IfExp):
        return _holds_mask(value.body, names) or _holds_mask(value.orelse, names)
    if isinstance(value, ast.Subscript):
        return _holds_mask(value.value, names)
    if isinstance(value, ast.Call):
        return spelled(value.func) in BUILDERS
    return isinstance(value, ast.Name) and value.id in names


def _is_handed_on(node: ast.AST, above: dict[ast.AST, ast.AST], receivers: set[str], masks: set[str]) -> bool:
    parent = above[node]
    while (isinstance(parent, ast.Subscript) and parent.value is node) or (
        isinstance(parent, ast.IfExp) and parent.test is not node
    ):
        node, parent = parent, above[parent]
    if isinstance(parent, ast.Attribute) and parent.attr == "get" and isinstance(above[parent], ast.Call):
        # One of several masks, or none.
        return _is_handed_on(above[parent], above, receivers, masks)
    if isinstance(parent, ast.Attribute):
        return parent.attr in SIZES
    if isinstance(parent, ast.Compare):
        return spelled(parent.comparators[0]) == "None"
    if isinstance(parent, ast.keyword):
        parent = above[parent]
    if isinstance(parent, ast.Call):
        function = spelled(parent.func)
        fills = function.endswith(".masked_fill") and not function.startswith("torch.")
        selects = function == "torch.where" or fills
        return function in receivers or (selects and parent.args[0] is node)
    if isinstance(parent, ast.Dict):
        parent = above[parent]
    return isinstance(parent, ast.Assign) and all(_is_followed(target, masks) for target in parent.targets)


def _is_followed(target: ast.expr, masks: set[str]) -> bool:
    """A name, or a place in a dictionary of masks: what is bound there is known for a mask."""
    held = target.value if isinstance(target, ast.Subscript) else None
    return isinstance(target, ast.Name) or (isinstance(held, ast.Name) and held.id in masks)
