"""Keep latents that values are expanded from where the cache clears what no token has written.

A slot that holds no token may hold anything. For keys that is no matter, since the mask replaces their scores; values
are multiplied with weights of zero, which does not remove a NaN, so the cache clears them as it reads them. Where
upstream caches latents and expands them afterwards, it is the latent that the values come from which must be cleared.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.latents import UPDATE, expanded_latents
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import only_statement, source, tree_of


class LatentsAsValues(Rule):
    why = "The cache clears unused slots of values, not of keys; a latent that values come from is kept as a value."
    roles = (Role.ATTENTION,)
    words = (f"{UPDATE}(",)
    construct = (
        f"`<a>, <b> = {UPDATE}(<a>, <b>, ...)`, then `<keys>, <values> = self.<expand>(<a>, <b>)`, the values being "
        "made of one of the two"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        cls = anatomy.file.classes.get(function.owner or "")
        expanded = (
            expanded_latents(tree_of(function.node), cls.methods) if function.is_forward and cls is not None else None
        )
        if expanded is None:
            return function.node, 0
        cached, values = expanded
        if values == {cached[1]}:
            return function.node, 0
        if values is None:
            raise Unmatched("it cannot be told what of the cached the values are expanded from", function.node)
        if values != {cached[0]}:
            raise Unmatched(
                "values are not expanded from one alone of what is cached, and one is cleared", function.node
            )
        exchanger = _Exchange(cached)
        return cst.ensure_type(function.node.visit(exchanger), cst.FunctionDef), exchanger.count


class _Exchange(cst.CSTTransformer):
    """Exchanges the two in the call that caches them, and where its results are taken."""

    def __init__(self, cached: tuple[str, str]) -> None:
        self.taken = ", ".join(cached)
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        statement = only_statement(updated_node)
        if not isinstance(statement, cst.Assign) or not isinstance(statement.value, cst.Call):
            return updated_node
        call, target = statement.value, statement.targets[0].target
        if source(call.func) != UPDATE or not isinstance(target, cst.Tuple) or source(target) != self.taken:
            return updated_node
        self.count += 1
        first, second, *others = call.args
        exchanged = [first.with_changes(value=second.value), second.with_changes(value=first.value), *others]
        left, right = target.elements
        elements = [left.with_changes(value=right.value), right.with_changes(value=left.value)]
        targets = [statement.targets[0].with_changes(target=target.with_changes(elements=elements))]
        return updated_node.with_changes(
            body=[statement.with_changes(targets=targets, value=call.with_changes(args=exchanged))]
        )
