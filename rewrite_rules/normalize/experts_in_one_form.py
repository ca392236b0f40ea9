"""Write the loop over the experts that were hit in one form.

Inference needs no `torch.no_grad()`, leaving a loop early because nobody chose an expert changes no sum, and a number
read out of the tensor of hits is that tensor's element. Where experts beyond a count do nothing but hand a token
through, the branch between them and the others becomes a choice by expert: both sides are computed, and the weight of
an expert that has none is the last one's, which is not chosen.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import (
    assigned_name,
    names_bound,
    names_loaded,
    only_statement,
    parameter_names,
    source,
    statements_of,
)

NUMBER_READ = re.compile(r"int\((\w+)\.item\(\)\)")
BEYOND = re.compile(r"(?P<expert>\w+) >= (?P<count>self\.\w+)(?: or self\.\w+ is None)?")


class ExpertsInOneForm(Rule):
    why = "Loops over the experts that were hit differ in spelling; later rules see one form."
    roles = (Role.EXPERTS,)
    construct = (
        "`with torch.no_grad():`, `int(<hit>.item())`, `if <tensor>.numel() == 0:`, and "
        "`if <expert> >= <count>: <result> = ... else: ...` in a loop over experts"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        loop = next((item for item in body if isinstance(item, cst.For)), None)
        if not function.is_forward or loop is None:
            return function.node, 0
        former = _OneForm()
        given = set(parameter_names(function.node))
        kept = [item for item in body if not _leaves_early(item, cst.Return, given)]
        node = function.node.with_changes(body=function.node.body.with_changes(body=kept))
        node = cst.ensure_type(node.visit(former), cst.FunctionDef)
        count = former.count + len(body) - len(kept)
        return (node, count) if count else (function.node, 0)


def _leaves_early(item: cst.BaseStatement, how: type[cst.BaseSmallStatement], choices: set[str]) -> bool:
    """`if <choices>.numel() == 0: return ...` or `continue`: nobody chose, so there is nothing to add."""
    if not isinstance(item, cst.If) or item.orelse is not None:
        return False
    body = statements_of(item.body)
    empty = re.fullmatch(r"(\w+)\.numel\(\) == 0", source(item.test))
    return empty is not None and empty[1] in choices and len(body) == 1 and isinstance(only_statement(body[0]), how)


def _found(item: cst.BaseStatement) -> set[str]:
    """What `<choice>, <token> = torch.where(...)` binds: the choices and tokens of an expert."""
    statement = only_statement(item)
    if isinstance(statement, cst.Assign) and source(statement.value).startswith("torch.where("):
        return names_bound(item)
    return set()


class _OneForm(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if source(updated_node.func).endswith(".nonzero") and "as_tuple=False" in source(updated_node):
            self.count += 1
            return updated_node.with_changes(args=())
        return updated_node

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> cst.For:
        statements: list[cst.BaseStatement] = []
        found = {name for item in statements_of(updated_node.body) for name in _found(item)}
        for item in statements_of(updated_node.body):
            if _leaves_early(item, cst.Continue, found):
                self.count += 1
            elif isinstance(item, cst.With) and source(item.items[0].item) == "torch.no_grad()":
                self.count += 1
                statements += statements_of(item.body)
            elif isinstance(item, cst.If) and item.orelse is not None:
                self.count += 1
                statements += _chosen_by_expert(item)
            else:
                statements.append(item)
        loop = updated_node.with_changes(body=updated_node.body.with_changes(body=statements))
        return self._element(loop, statements)

    def _element(self, loop: cst.For, statements: list[cst.BaseStatement]) -> cst.For:
        """`<expert> = int(<hit>.item())` becomes `<expert> = <expert>[0]`, and the mask needs no `squeeze(0)`."""
        first = assigned_name(statements[0])
        found = NUMBER_READ.fullmatch(source(first[1])) if first is not None else None
        if first is None or found is None or found[1] != source(loop.target):
            return loop
        self.count += 1
        expert = first[0]
        element = cst.parse_statement(f"{expert} = {expert}[0]")
        rest = [_without_squeeze(item, expert) for item in statements[1:]]
        body = loop.body.with_changes(body=[element, *rest])
        return loop.with_changes(target=cst.Name(expert), body=body)


def _without_squeeze(item: cst.BaseStatement, expert: str) -> cst.BaseStatement:
    """`torch.where(<mask>[<expert>].squeeze(0))` without the squeeze, which a mask of two axes does not need."""
    text = source(item)
    if "torch.where(" not in text or f"[{expert}].squeeze(0))" not in text:
        return item
    return cst.parse_statement(text.replace(f"[{expert}].squeeze(0))", f"[{expert}])").strip())


def _chosen_by_expert(branch: cst.If) -> list[cst.BaseStatement]:
    """The statements of the `else`, then a choice between their result and that of the `if`."""
    found = BEYOND.fullmatch(source(branch.test))
    beyond = statements_of(branch.body)
    others = statements_of(branch.orelse.body) if isinstance(branch.orelse, cst.Else) else []
    handed = assigned_name(beyond[0]) if len(beyond) == 1 else None
    result = assigned_name(others[-1]) if others else None
    if found is None or handed is None or result is None or handed[0] != result[0]:
        raise Unmatched("the loop over experts branches in another way", branch)
    if names_loaded(beyond[0]) & {name for item in others for name in _bound(item)}:
        raise Unmatched("both sides of the branch use the same name for different things", branch)
    expert, count = found["expert"], found["count"]
    clamped = _Clamped(expert, f"{expert}.clamp(max={count} - 1)")
    computed = [cst.ensure_type(item.visit(clamped), cst.SimpleStatementLine) for item in others]
    name, value = handed[0], source(handed[1])
    chosen = cst.parse_statement(f"{name} = torch.where({expert} >= {count}, {value}, {name})")
    computed[0] = computed[0].with_changes(leading_lines=branch.leading_lines)
    return [*computed, chosen]


def _bound(item: cst.BaseStatement) -> set[str]:
    statement = only_statement(item)
    if not isinstance(statement, cst.Assign):
        raise Unmatched("the branch of an expert branches again", item)
    target = statement.targets[0].target
    elements = [element.value for element in target.elements] if isinstance(target, cst.Tuple) else [target]
    return {source(element) for element in elements}


class _Clamped(cst.CSTTransformer):
    """Index weights by a number that is never beyond them."""

    def __init__(self, expert: str, clamped: str) -> None:
        self.expert = expert
        self.clamped = clamped

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        value = source(updated_node.value)
        if value.startswith("self.") and source(updated_node) == f"{value}[{self.expert}]":
            return cst.parse_expression(f"{value}[{self.clamped}]")
        return updated_node
