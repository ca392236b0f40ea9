"""Build the masks in the model's forward where upstream does so in a method of its own.

The method is given what the forward has, by the same names, and hands back names that the forward takes by the same
names, so its statements can stand in the place of the call. There the mask is seen beside the cache and the positions
it is made from.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import names_bound, names_read, only_statement, parameter_names, source, statements_of


class MasksMadeInForward(Rule):
    why = "The mask is made from positions and the cache, so it is made where they are."
    roles = (Role.MODEL,)
    words = ("self.",)
    construct = "`<names> = self.<method>(<name>=<name>, ...)`, the method building a mask and returning `<names>`"

    def apply(self, draft: Draft) -> None:
        self.makers = {
            function.name: function
            for function in draft.of(Role.MODEL)
            if not function.is_forward and not function.added and _builds_mask(function, draft.anatomy)
        }
        self.inlined: set[str] = set()
        super().apply(draft)
        gone = [function for name, function in self.makers.items() if name in self.inlined]
        draft.functions = [function for function in draft.functions if not any(function is item for item in gone)]

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward or not self.makers:
            return function.node, 0
        inliner = _Inline(self.makers)
        node = cst.ensure_type(function.node.visit(inliner), cst.FunctionDef)
        self.inlined |= inliner.inlined
        return (node, len(inliner.inlined)) if inliner.inlined else (function.node, 0)


def _builds_mask(function: Function, anatomy: Anatomy) -> bool:
    builders = mask_builders(anatomy.file)
    return bool(builders & names_read(function.node))


class _Inline(cst.CSTTransformer):
    def __init__(self, makers: dict[str, Function]) -> None:
        self.makers = {f"self.{name}": function for name, function in makers.items()}
        self.inlined: set[str] = set()

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.BaseStatement]:
        statement = only_statement(updated_node)
        if not isinstance(statement, cst.Assign) or not isinstance(statement.value, cst.Call):
            return updated_node
        maker = self.makers.get(source(statement.value.func))
        if maker is None:
            return updated_node
        body = _body_for(maker, statement.value, statement.targets)
        if body is None:
            raise Unmatched("a method that builds masks uses other names than the forward that calls it", statement)
        self.inlined.add(maker.name)
        first = body[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel([first, *body[1:]])


def _body_for(maker: Function, call: cst.Call, targets: object) -> list[cst.BaseStatement] | None:
    """The method's statements without the return, if every name in them means the same in the calling forward."""
    body = statements_of(maker.node.body)
    returned = only_statement(body[-1])
    assert isinstance(targets, (list, tuple))
    taken = [item.strip() for item in source(targets[0].target).split(",")]
    returns = [node for node in ast.walk(ast.parse(cst.Module([maker.node]).code)) if isinstance(node, ast.Return)]
    if len(targets) != 1 or len(returns) != 1 or len(body) < 2 or maker.node.decorators:
        return None
    if not isinstance(returned, cst.Return) or returned.value is None:
        return None
    same_names = all(item.keyword is not None and source(item.value) == item.keyword.value for item in call.args)
    passed = {item.keyword.value for item in call.args if item.keyword is not None}
    # A parameter that is left to its default could be another thing by that name in the forward.
    if not same_names or passed != set(parameter_names(maker.node)) - {"self"} or maker.node.params.star_kwarg:
        return None
    if [item.strip() for item in source(returned.value).split(",")] != taken:
        return None
    bound = set().union(*(names_bound(item) for item in body[:-1]))
    if not bound <= set(taken) or not isinstance(body[0], (cst.SimpleStatementLine, cst.If)):
        return None
    return body[:-1]
