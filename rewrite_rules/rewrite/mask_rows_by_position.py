"""Take the rows of an attention's own mask by position, where upstream takes the last ones.

Some attentions keep a mask of all positions against all, such as one for a window, and slice it by the lengths of
queries and keys: the queries are the last of the keys. In a preallocated cache the keys are always as many as the
context is long, and a query's row is its position. A pad's position is -1, for which the last row is taken and not
used.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import spelled, with_keywords, with_parameters

LAST_ROWS = re.compile(r"self\.(\w+)\[:, :, (\w+) - (\w+):(\w+), :(\w+)\]")
SCORES = re.compile(r"torch\.matmul\((\w+), (\w+)\.transpose\(-1, -2\)\)")
POSITIONS = {"position_ids": "torch.LongTensor | None"}


class MaskRowsByPosition(Rule):
    why = "A query's row of a mask is its position; upstream's last rows are those of the end of the context."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    construct = (
        "`<mask> = self.<table>[:, :, <keys> - <queries> : <keys>, : <keys>]`, the table having one row for each "
        "position and <queries> and <keys> being the lengths of the scores"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        cls = anatomy.file.classes.get(function.owner or "")
        methods = {} if cls is None else cls.methods
        slicing = {name for name, method in methods.items() if LAST_ROWS.search(ast.unparse(method))}
        indexer = _ByPosition(cls, _lengths(function.node))
        node = cst.ensure_type(function.node.visit(indexer), cst.FunctionDef)
        if indexer.count and not function.is_forward:
            node = with_parameters(node, POSITIONS)
        passer = _PassPositions({f"self.{name}" for name in slicing})
        node = cst.ensure_type(node.visit(passer), cst.FunctionDef)
        return (node, indexer.count + passer.count) if indexer.count + passer.count else (function.node, 0)


def _lengths(function: cst.FunctionDef) -> tuple[str, str] | None:
    """What a function calls the numbers of queries and of keys, when they are those of its scores."""
    tree = ast.parse(cst.Module([function]).code)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else []
            pairs = zip(node.targets[0].elts, values, strict=False)
            names.update({ast.unparse(value): ast.unparse(target) for target, value in pairs})
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = {match.groups() for call in calls if (match := SCORES.fullmatch(call)) is not None}
    sizes = [f"{name}.size(-2)" for name in found.pop()] if len(found) == 1 else []
    if not sizes or any(size not in names for size in sizes):
        return None
    return names[sizes[0]], names[sizes[1]]


def _is_one_mask(cls: ModelingClass, table: str) -> bool:
    """Whether `__init__` keeps as `self.<table>` one square mask for all sequences and heads."""
    initializer = cls.methods.get("__init__")
    text = "" if initializer is None else ast.unparse(initializer)
    kept = [] if initializer is None else [item for item in buffers_of(initializer) if item.name == table]
    name = ast.unparse(kept[0].value) if len(kept) == 1 else ""
    return name.isidentifier() and re.search(rf"\b{name} = .*\.view\(1, 1, (\w+), \1\)\n", text) is not None


class _ByPosition(cst.CSTTransformer):
    def __init__(self, cls: ModelingClass | None, lengths: tuple[str, str] | None) -> None:
        self.cls = cls
        self.lengths = lengths
        self.count = 0

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        if not any(_ends_at_keys(item.slice) for item in original_node.slice):
            return updated_node
        sliced = LAST_ROWS.fullmatch(spelled(original_node))
        if sliced is None or self.cls is None or self.lengths is None:
            raise Unmatched("the last rows of a mask are taken otherwise, and mean other positions", original_node)
        queries, keys = self.lengths
        if sliced.groups()[1:] != (keys, queries, keys, keys):
            raise Unmatched("the mask is sliced by other lengths than those of the scores", original_node)
        if not _is_one_mask(self.cls, sliced[1]):
            raise Unmatched(f"`self.{sliced[1]}` is not one square mask for all heads", original_node)
        self.count += 1
        return cst.parse_expression(f"self.{sliced[1]}[0, 0, :, :{keys}][position_ids].unsqueeze(1)")


def _ends_at_keys(index: cst.BaseSlice) -> bool:
    """`<a> - <b> : <a>`."""
    if not isinstance(index, cst.Slice) or index.upper is None or not isinstance(index.lower, cst.BinaryOperation):
        return False
    return isinstance(index.lower.operator, cst.Subtract) and spelled(index.lower.left) == spelled(index.upper)


class _PassPositions(cst.CSTTransformer):
    def __init__(self, methods: set[str]) -> None:
        self.methods = methods
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if spelled(original_node.func) not in self.methods:
            return updated_node
        self.count += 1
        return with_keywords(updated_node, {"position_ids": "position_ids"})
