"""Write K/V at `position_ids` instead of appending.

The compiled graph has a fixed-size cache in which a token's slot is its position. The cache learns the position, the
row a batch entry uses (continuous batching) and how much of the context attention reads this time (CCL), which is the
width of the mask.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._matching import only_statement, parameter_names, source

CACHE_KWARGS = f'cache_kwargs = {{"position_ids": position_ids, "batch_index": batch_index, "CCL": {MASK}.shape[-1]}}'


class CacheUpdateByPosition(Rule):
    why = "The compiled graph has a fixed-size cache; a token's slot is its position, so the cache must be told it."
    roles = (Role.ATTENTION,)
    expect = Expect.EXACTLY_ONE
    construct = "`<key>, <value> = <cache>.update(<key>, <value>, self.layer_idx, ...)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        updater = _Update()
        node = cst.ensure_type(function.node.visit(updater), cst.FunctionDef)
        if updater.count and MASK not in parameter_names(function.node):
            raise Unmatched(f"the cache is updated where no `{MASK}` is known", node.params)
        return (node, updater.count) if updater.count else (function.node, 0)


class _Update(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.BaseStatement]:
        call = _cache_update(updated_node)
        if call is None:
            return updated_node
        self.count += 1
        arguments = [*call.args[:3], cst.Arg(cst.Name("cache_kwargs"))]
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        arguments[:3] = [item.with_changes(comma=comma) for item in arguments[:3]]
        updated = updated_node.deep_replace(call, call.with_changes(args=arguments))
        assert isinstance(updated, cst.SimpleStatementLine)
        told = cst.ensure_type(cst.parse_statement(CACHE_KWARGS), cst.SimpleStatementLine)
        return cst.FlattenSentinel(
            [told.with_changes(leading_lines=updated.leading_lines), updated.with_changes(leading_lines=[])]
        )


def _cache_update(line: cst.SimpleStatementLine) -> cst.Call | None:
    statement = only_statement(line)
    if not isinstance(statement, cst.Assign) or not isinstance(statement.value, cst.Call):
        return None
    call = statement.value
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "update" or len(call.args) < 3:
        return None
    if any(item.keyword is not None or item.star for item in call.args[:3]):
        return None
    return call if source(call.args[2].value).startswith("self.layer_i") else None
