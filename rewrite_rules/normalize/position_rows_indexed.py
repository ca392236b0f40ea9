"""Look positions up in a table by indexing its weight, where a forward of its own stands before the table.

Tables are often an nn.Embedding whose forward adds an offset to the position, and counts positions itself when it is
given none. Indexed, the row is what upstream looks up, for any number of rows of positions, and what else the forward
takes, the length of the cache among it, is not asked for. Where upstream calls the result `position_ids` too, it
gets a name of its own.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters
from qeff_codegen.anatomy.position_tables import PositionTable, position_table
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.vocabulary import POSITIONS
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import assigned_name, names_read, source, statements_of

RESULT = "position_embeds"


class PositionRowsIndexed(Rule):
    why = "Positions are given, one row for each sequence, so a table needs an index and no counting of its own."
    roles = (Role.MODEL,)
    words = (POSITIONS,)
    construct = (
        f"`self.<table>(..., {POSITIONS}={POSITIONS})`, the table being an nn.Embedding whose forward returns "
        f"`super().forward({POSITIONS} + self.<offset>)`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        indexer = _Index(anatomy.file.classes, anatomy.file.classes[function.owner or ""], function.node)
        node = cst.ensure_type(function.node.visit(indexer), cst.FunctionDef)
        return (_result_by_own_name(node), indexer.count) if indexer.count else (function.node, 0)


class _Index(cst.CSTTransformer):
    def __init__(self, classes: dict[str, ModelingClass], owner: ModelingClass, function: cst.FunctionDef) -> None:
        self.tables: dict[str, tuple[PositionTable, ModelingClass]] = {}
        for attribute, names in owner.built.items():
            table = position_table(classes[names[0]]) if len(names) == 1 else None
            if table is not None:
                self.tables[f"self.{attribute}"] = (table, classes[names[0]])
        self.one_row = _counts_one_row(function)
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        spelled = source(updated_node.func)
        if spelled not in self.tables or any(item.star for item in updated_node.args):
            return updated_node
        table, cls = self.tables[spelled]
        assert cls.forward is not None
        names = parameters(cls.forward)
        given = {
            item.keyword.value if item.keyword is not None else names[index]: source(item.value)
            for index, item in enumerate(updated_node.args)
        }
        if given.get(POSITIONS) != POSITIONS:
            return updated_node
        if table.adds_axis and not self.one_row:
            raise Unmatched("a table adds a batch axis to positions that have one", updated_node)
        self.count += 1
        return cst.parse_expression(table.row(spelled))


def _counts_one_row(function: cst.FunctionDef) -> bool:
    """Whether a model counts positions itself, one row for the whole batch."""
    counted = (assigned_name(item) for item in statements_of(function.body))
    return any(
        item is not None and item[0] == POSITIONS and source(item[1]).startswith("torch.arange(") for item in counted
    )


def _result_by_own_name(function: cst.FunctionDef) -> cst.FunctionDef:
    """Give what was looked up another name, from `position_ids = <table>.weight[...]` on."""
    body = statements_of(function.body)
    start = next(
        (
            index
            for index, item in enumerate(body)
            if (assigned := assigned_name(item)) is not None
            and assigned[0] == POSITIONS
            and f".weight[{POSITIONS}" in source(assigned[1])
        ),
        None,
    )
    if start is None:
        return function
    if RESULT in names_read(function):
        raise Unmatched(f"`{RESULT}` is the name of something else", body[start])
    line = cst.ensure_type(body[start], cst.SimpleStatementLine)
    assignment = cst.ensure_type(line.body[0], cst.Assign)
    target = assignment.targets[0].with_changes(target=cst.Name(RESULT))
    found = line.with_changes(body=[assignment.with_changes(targets=[target])])
    rest = function.body.with_changes(body=body[start + 1 :])
    renamed = statements_of(cst.ensure_type(rest.visit(_Rename()), cst.IndentedBlock))
    return function.with_changes(body=function.body.with_changes(body=[*body[:start], found, *renamed]))


class _Rename(cst.CSTTransformer):
    """Rename the local; attributes and keywords of that name stay."""

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return cst.Name(RESULT) if updated_node.value == POSITIONS else updated_node
