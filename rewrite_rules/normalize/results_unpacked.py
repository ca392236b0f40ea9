"""Unpack what a decoder layer or an attention returns where it is called.

Older files keep the tuple, `outputs = block(...)`, and take the hidden states out by index. Unpacked, the call says
what it takes, and the cache can be taken along.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import assigned_name, names_loaded, only_statement, source, spelled, statements_of


class ResultsUnpacked(Rule):
    why = "Taking a result apart where it is made shows what is used of it, and where the cache belongs."
    roles = (Role.MODEL, Role.DECODER_LAYER)
    construct = "`<results> = <callee>(...)`, followed by `<hidden states> = <results>[0]`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        callees = anatomy.callees(function.role)
        unpacker = _Unpack({spelled: anatomy.returned_count(part) for spelled, part in callees.items()})
        node = cst.ensure_type(function.node.visit(unpacker), cst.FunctionDef)
        left = set(unpacker.unpacked) & names_loaded(node)
        if left:
            raise Unmatched(f"`{min(left)}` is used in another way than by one index", _last_use(node, min(left)))
        return (node, len(unpacker.unpacked)) if unpacker.unpacked else (function.node, 0)


class _Unpack(cst.CSTTransformer):
    """Args of the constructor:
    counts: for each callee, as it is spelled, how many values its forward returns; None for no tuple.
    """

    def __init__(self, counts: dict[str, int | None]) -> None:
        self.counts = counts
        self.unpacked: list[str] = []

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.BaseSuite:
        body = list(updated_node.body)
        for index in range(len(body) - 1):
            results = self._results(body[index])
            taken = assigned_name(body[index + 1])
            if results is None or taken is None or source(taken[1]) != f"{results[0]}[0]":
                continue
            self.unpacked.append(results[0])
            names = ", ".join([taken[0], *["_"] * (results[1] - 1)])
            body[index] = _with_target(body[index], names)
            body[index + 1] = cst.SimpleStatementLine([])
        kept = [item for item in body if not isinstance(item, cst.SimpleStatementLine) or item.body]
        return updated_node if len(kept) == len(body) else updated_node.with_changes(body=kept)

    def _results(self, line: cst.BaseStatement) -> tuple[str, int] | None:
        """`(<name>, <how many>)` when the line is `<name> = <callee>(...)` and the callee returns a tuple."""
        assigned = assigned_name(line)
        if assigned is None or not isinstance(assigned[1], cst.Call):
            return None
        count = self.counts.get(spelled(assigned[1].func))
        return None if count is None else (assigned[0], count)


def _last_use(function: cst.FunctionDef, name: str) -> cst.CSTNode:
    """The last simple statement of a body that reads `name`, for the message."""
    lines = [line for line in statements_of(function.body) if isinstance(line, cst.SimpleStatementLine)]
    return next((line for line in reversed(lines) if name in names_loaded(line)), function.params)


def _with_target(line: cst.BaseStatement, names: str) -> cst.BaseStatement:
    statement = only_statement(line)
    assert isinstance(statement, (cst.Assign, cst.AnnAssign)) and isinstance(line, cst.SimpleStatementLine)
    assert statement.value is not None
    target = cst.ensure_type(cst.parse_expression(f"({names})"), cst.Tuple) if "," in names else cst.Name(names)
    if isinstance(target, cst.Tuple):
        target = target.with_changes(lpar=(), rpar=())
    return line.with_changes(body=[cst.Assign([cst.AssignTarget(target)], statement.value)])
