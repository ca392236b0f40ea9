"""Let every layer see all rows, where upstream drops those of no kept logits before its last layers.

Layers that write no cache of their own need only the rows whose logits are wanted, so newer releases slice what goes
into them, when an integer says how many logits to keep. The exported decoder keeps one row of each sequence, at its
own place, and chooses it once, on the way into the head. Asked to keep 0 logits, which means all, upstream's slicing
changes nothing; that is what is left out here.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import bind, parameters, returned_names, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import drop_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import binds
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, equal, find_all, match
from rewrite_rules.vocabulary import pattern

KEEP = "logits_to_keep"
# How upstream asks whether the model has chosen the rows already.
ASKED = pattern(f"""
if $states.shape[1] == {{input_ids, input_ids if input_ids is not None else inputs_embeds}}.shape[1]:
    $states = slice_logits_to_keep($states, {KEEP})
""")
BY_METHOD = pattern("""
if $_:
    $sliced = $method(...)
""")
LAST_ROWS = pattern(f"{KEEP} = slice(-{KEEP}, None)")
INDICES = (f":, {KEEP}", f":, {KEEP}, :", f":, {KEEP}, :, :", f":, :, {KEEP}", f":, :, {KEEP}, :")
V, A, B = ("{" + ", ".join(f"${name}[{index}]" for index in INDICES) + "}" for name in "vab")
# Rows of a tensor, or of every tensor of a dictionary: with all rows kept, `<x> = <x>`.
SLICED = (
    pattern(f"$v = {V}"),
    pattern(f"$x = {{$k: {V} for $k, $v in $x.items()}}"),
    pattern(f"$x = {{$k: {V} if $v is not None else None for $k, $v in $x.items()}}"),
    pattern(f"$x = {{$k: ({A}, {B}) for $k, ($a, $b) in $x.items()}}"),
)


class RowsKeptAtTheEnd(Rule):
    why = "Rows whose logits are not wanted are dropped once, on the way into the head, each row at its own place."
    roles = (Role.MODEL, Role.CAUSAL_LM)
    names = (KEEP,)
    construct = f"`<states>, ... = self.<slice>(<states>, ..., {KEEP}, ...)`, which keeps all rows of each or the last"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or KEEP not in parameters(anatomy.model.forward):
            return code, 0
        if function.role is Role.CAUSAL_LM:
            return _without_asking(code, anatomy)
        methods = anatomy.model.cls.methods
        slicing = [found for found in find_all(BY_METHOD, code) if _only_slices(found, methods)]
        edits = Edits(code)
        for found in slicing:
            branch = code.statement_of(found.node)
            block = code.block_of(branch)
            edits.remove(branch)
            if branch is block[0] and len(block) > 1:
                edits.replace_above(block[1], [line for line in edits.above(block[1]) if line])
        drop_parameters(edits, [KEEP])
        left = edits.done()
        if KEEP in left.names:
            raise Unmatched("rows of logits that are not kept are dropped between layers in another way", left.tree)
        return left, len(slicing)


def _without_asking(code: Code, anatomy: Anatomy) -> tuple[Code, int]:
    """The causal LM's forward, choosing rows without asking, and not telling the model which."""
    edits, asked = Edits(code), find_all(ASKED, code)
    for found in asked:
        assert isinstance(found.node, ast.If)
        edits.replace_above(found.node, [])
        edits.replace_statement(found.node, edits.statement_with_comments(found.node.body[0]))
    models = anatomy.callees(Role.CAUSAL_LM)
    for call in code.nodes(ast.Call):
        if spelled(call.func) in models:
            drop_keywords(edits, call, [KEEP])
    return edits.done(), len(asked)


def _only_slices(found: Match, methods: dict[str, ast.FunctionDef]) -> bool:
    """Whether a branch binds names to what a method makes of them, and that is they or their last rows."""
    assert isinstance(found.node, ast.If) and isinstance(found.node.body[0], ast.Assign)
    call, targets = found.node.body[0].value, found["sliced"]
    method = methods.get(self_attribute(found["method"]) or "")
    if method is None or not isinstance(call, ast.Call) or not isinstance(targets, ast.Tuple):
        return False
    given = bind(call, method)
    returned = [given.get(name) for name in _only_last_rows(method)]
    same = [value is not None and equal(value, item) for value, item in zip(returned, targets.elts, strict=False)]
    told = given.get(KEEP)
    return isinstance(told, ast.Name) and told.id == KEEP and all(same) and len(returned) == len(targets.elts)


def _only_last_rows(method: ast.FunctionDef) -> tuple[str, ...]:
    """The parameters that a method returns, as they came in or sliced by the kept rows; empty if it does more."""
    names = returned_names(method)
    sliced = [index for index, item in enumerate(method.body) if match(LAST_ROWS, item)]
    if len(sliced) != 1 or not set(names) <= set(parameters(method)):
        return ()
    before, after, last = method.body[: sliced[0]], method.body[sliced[0] + 1 : -1], method.body[-1]
    only_sliced = all(any(match(form, item) for form in SLICED) for item in after)
    untouched = not any(binds(item, {*names, KEEP}) for item in before)
    return names if only_sliced and untouched and isinstance(last, ast.Return) else ()
