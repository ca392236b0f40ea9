"""Know positions by one name: `cache_position` is `position_ids` of one row.

Older releases count the new tokens twice: once as `cache_position`, which tells masks and caches where tokens stand,
and from it, one row for the whole batch, as `position_ids`. It is never given to an exported decoder, so it is what
the model counts when it is not; what masks and the cache need of it other rules give them, and every other part only
hands it on. Where upstream looks a table up by it, or scales by it, it is spelled as newer releases spell it, and the
rules that know that spelling say whether there may be more than one row.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold, none_comparison
from rewrite_rules._matching import assigned_name, source, spelled, tree_of, without_parameters
from rewrite_rules._position_counts import (
    COUNT,
    POSITIONS,
    cached_in_one_form,
    counted_by_layer,
    counted_once,
)
from rewrite_rules._position_scales import scaled_by_rows


class NoExtraCount(Rule):
    why = "`cache_position` says for one row what `position_ids` says for every row: where the new tokens stand."
    roles = CALL_PATH
    words = (COUNT,)
    construct = (
        f"`if {COUNT} is None: {COUNT} = torch.arange(<cached>, <cached> + <new>, ...)`, given to builders of masks, "
        f"to the next part, and to `{POSITIONS}`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        # No caller gives it, so it is what the model counts. Upstream's generation does give it.
        node, _ = fold(cached_in_one_form(function.node), lambda test: none_comparison(test, {COUNT}) or None)
        if (other := _with_count(function.node)) is not None:
            raise Unmatched(f"with `{COUNT}` upstream does more than use it: `{other}`", function.node.params)
        receivers = _Receivers(mask_builders(anatomy.file))
        node.visit(receivers)
        keeper = _HandNoFurther(anatomy.callees(function.role), receivers)
        node = without_parameters(cst.ensure_type(node.visit(keeper), cst.FunctionDef), [COUNT])
        if function.role is Role.MODEL:
            node = counted_once(node)
        elif function.role is Role.ATTENTION:
            node = scaled_by_rows(counted_by_layer(node), anatomy.file.functions)
        if (use := _other_use(node)) is not None:
            raise Unmatched(f"`{COUNT}` is used for more than counting tokens: `{use}`", function.node.params)
        return node, 1


class _Receivers(cst.CSTVisitor):
    """Everything that builds masks under a name, and the dictionaries of what builders are given."""

    def __init__(self, builders: set[str]) -> None:
        self.builders = builders
        self.keywords: set[str] = set()
        self.copied: dict[str, str] = {}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is None:
            return
        name, value = assigned
        if isinstance(value, cst.IfExp) and {source(value.body), source(value.orelse)} <= self.builders:
            self.builders = self.builders | {name}
        elif source(value).endswith(".copy()"):
            self.copied[name] = source(value).removesuffix(".copy()")

    def visit_Call(self, node: cst.Call) -> None:
        if source(node.func) in self.builders:
            spread = {source(item.value) for item in node.args if item.star == "**"}
            self.keywords |= spread | {self.copied[name] for name in spread if name in self.copied}


class _HandNoFurther(cst.CSTTransformer):
    """Hand the count to no part of the call path and to no builder of masks."""

    def __init__(self, callees: dict[str, Part], receivers: _Receivers) -> None:
        self.callees = callees
        self.receivers = receivers

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        part = self.callees.get(spelled(original_node.func))
        if part is None and source(original_node.func) not in self.receivers.builders:
            return updated_node
        names = parameters(part.forward) if part is not None else ()
        kept = [
            item
            for index, item in enumerate(updated_node.args)
            if source(item.value) != COUNT or _bound_to(item, index, names) != COUNT
        ]
        return updated_node if len(kept) == len(updated_node.args) else updated_node.with_changes(args=kept)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        assigned = assigned_name(updated_node)
        if assigned is None or assigned[0] not in self.receivers.keywords or not isinstance(assigned[1], cst.Dict):
            return updated_node
        kept = [item for item in assigned[1].elements if not _is_count(item)]
        changed = updated_node.deep_replace(assigned[1], assigned[1].with_changes(elements=kept))
        return cst.ensure_type(changed, cst.SimpleStatementLine)


def _bound_to(argument: cst.Arg, index: int, names: tuple[str, ...]) -> str:
    """The parameter that an argument is for."""
    if argument.keyword is not None:
        return argument.keyword.value
    return names[index] if index < len(names) and not argument.star else ""


def _is_count(item: cst.BaseDictElement) -> bool:
    return isinstance(item, cst.DictElement) and source(item.key).strip("\"'") == source(item.value) == COUNT


def _with_count(function: cst.FunctionDef) -> str | None:
    """The first question for the count that has an answer for when it is given."""
    for node in ast.walk(tree_of(function)):
        if isinstance(node, (ast.If, ast.IfExp)) and f"{COUNT} is None" in ast.unparse(node.test) and node.orelse:
            return f"{ast.unparse(node.test)}"
    return None


def _other_use(function: cst.FunctionDef) -> str | None:
    """The first statement, usage text aside, that still mentions the count."""
    for node in ast.walk(tree_of(function)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef):
            first = ast.unparse(node).split("\n", 1)[0]
            if re.search(rf"\b{COUNT}\b", first):
                return first
    return None
