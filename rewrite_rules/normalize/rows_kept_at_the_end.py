"""Let every layer see all rows, where upstream drops those of no kept logits before its last layers.

Layers that write no cache of their own need only the rows whose logits are wanted, so newer releases slice what goes
into them, when an integer says how many logits to keep. The exported decoder keeps one row of each sequence, at its
own place, and chooses it once, on the way into the head. Asked to keep 0 logits, which means all, upstream's slicing
changes nothing; that is what is left out here.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import bind, parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import source, spelled, statements_of, tree_of, without_keywords, without_parameters

KEEP = "logits_to_keep"
LAST_ROWS = f"{KEEP} = slice(-{KEEP}, None)"
# How upstream asks whether the model has chosen the rows already.
ALL_ROWS = re.compile(
    r"(\w+)\.shape\[1\] == (input_ids|\(input_ids if input_ids is not None else inputs_embeds\))\.shape\[1\]"
)


class RowsKeptAtTheEnd(Rule):
    why = "Rows whose logits are not wanted are dropped once, on the way into the head, each row at its own place."
    roles = (Role.MODEL, Role.CAUSAL_LM)
    words = (KEEP,)
    construct = f"`<states>, ... = self.<slice>(<states>, ..., {KEEP}, ...)`, which keeps all rows of each or the last"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward or KEEP not in parameters(anatomy.model.forward):
            return function.node, 0
        if function.role is Role.CAUSAL_LM:
            asker = _AllRowsAsked(set(anatomy.callees(Role.CAUSAL_LM)))
            return cst.ensure_type(function.node.visit(asker), cst.FunctionDef), asker.count
        methods = {f"self.{name}": method for name, method in anatomy.model.cls.methods.items()}
        dropper = _DropSlicing(methods)
        node = without_parameters(cst.ensure_type(function.node.visit(dropper), cst.FunctionDef), [KEEP])
        if KEEP in {name.id for name in ast.walk(tree_of(node)) if isinstance(name, ast.Name)}:
            raise Unmatched("rows of logits that are not kept are dropped between layers in another way", node)
        return node, dropper.count


class _DropSlicing(cst.CSTTransformer):
    """Takes away every branch that does nothing but slice."""

    def __init__(self, methods: dict[str, ast.FunctionDef]) -> None:
        self.methods = methods
        self.count = 0

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        kept = [item for item in updated_node.body if not self._only_slices(item)]
        if len(kept) in (0, len(updated_node.body)):
            return updated_node
        self.count += len(updated_node.body) - len(kept)
        if kept[0] is not updated_node.body[0] and isinstance(kept[0], cst.SimpleStatementLine | cst.If):
            kept[0] = kept[0].with_changes(leading_lines=[line for line in kept[0].leading_lines if line.comment])
        return updated_node.with_changes(body=kept)

    def _only_slices(self, item: cst.BaseStatement) -> bool:
        if not isinstance(item, cst.If) or item.orelse is not None:
            return False
        body = statements_of(item.body)
        return len(body) == 1 and self._slices(ast.parse(source(body[0])).body[0])

    def _slices(self, statement: ast.stmt) -> bool:
        """Whether a statement binds names to what a method makes of them, and that is they or their last rows."""
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
            return False
        method = self.methods.get(ast.unparse(statement.value.func))
        if method is None or not isinstance(statement.targets[0], ast.Tuple):
            return False
        given = {name: ast.unparse(value) for name, value in bind(statement.value, method).items()}
        returned = _only_last_rows(method)
        return given.get(KEEP) == KEEP and [given.get(name) for name in returned] == [
            ast.unparse(item) for item in statement.targets[0].elts
        ]


def _only_last_rows(method: ast.FunctionDef) -> list[str]:
    """The parameters that a method returns, as they came in or sliced by the kept rows; empty if it does more."""
    returns = [node for node in ast.walk(method) if isinstance(node, ast.Return)]
    values = {ast.unparse(node.value) if node.value is not None else "" for node in returns}
    names = values.pop().strip("()").split(", ") if len(values) == 1 else []
    texts = [ast.unparse(item) for item in method.body]
    if not names or not set(names) <= set(parameters(method)) or texts.count(LAST_ROWS) != 1:
        return []
    sliced = texts.index(LAST_ROWS)
    bound = {
        node.id
        for item in method.body[:sliced]
        for node in ast.walk(item)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    all_slice = all(_slices_rows(item) for item in method.body[sliced + 1 : -1])
    return names if all_slice and not bound & {*names, KEEP} and isinstance(method.body[-1], ast.Return) else []


def _slices_rows(item: ast.stmt) -> bool:
    """`<x> = <x>[:, <kept>, ...]`, or the same of every tensor of a dictionary: with all rows kept, `<x> = <x>`."""
    name, _, value = ast.unparse(item).partition(" = ")
    whole = re.sub(rf"\[:, (:, )?{KEEP}(, :)*\]", "", value)
    pairs = rf"\{{(\w+): (\w+|\(\w+, \w+\)) for \1, \2 in {name}\.items\(\)\}}"
    guarded = rf"\{{(\w+): (\w+) if \2 is not None else None for \1, \2 in {name}\.items\(\)\}}"
    same = whole == name or any(re.fullmatch(form, whole) for form in (pairs, guarded))
    return KEEP in value and same


class _AllRowsAsked(cst.CSTTransformer):
    """Chooses rows without asking, and does not tell the model which."""

    def __init__(self, models: set[str]) -> None:
        self.models = models
        self.count = 0

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.FlattenSentinel[cst.BaseStatement]:
        asked = ALL_ROWS.fullmatch(spelled(original_node.test))
        body = statements_of(updated_node.body)
        kept = f"{asked[1]} = slice_logits_to_keep({asked[1]}, {KEEP})" if asked is not None else None
        if original_node.orelse is not None or len(body) != 1 or source(body[0]).strip() != kept:
            return updated_node
        self.count += 1
        return cst.FlattenSentinel(body)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if spelled(original_node.func) not in self.models:
            return updated_node
        return without_keywords(updated_node, [KEEP])
