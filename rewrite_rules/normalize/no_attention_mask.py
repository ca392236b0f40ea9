"""Drop what the model does with an attention mask of the tokens.

An exported decoder is given none: pads are told by a position of -1, and stand to the right. Upstream then counts
every slot as a token, and so does the graph, whose mask forbids those that hold none. Where upstream builds its causal
mask only when it is given one, as generation does, the graph builds its own. Generation gives upstream a mask of ones,
so a branch that does more than make such a mask, or hand it on, would be missed.
"""

from __future__ import annotations

import ast
import re

import libcst as cst
from libcst import matchers

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold, none_comparison
from rewrite_rules._matching import assigned_name, names_bound, names_loaded, source, statements_of

MASK = frozenset({"attention_mask"})
# The mask itself, in another form or place, and the one that generation would give.
HANDED_ON = re.compile(r"attention_mask(\.(to|view|bool|long|float)\(.*\))?", re.DOTALL)
MADE = "torch.ones("


class NoAttentionMask(Rule):
    why = "No attention mask is given: pads have the position -1, and the mask is made from positions."
    roles = (Role.MODEL,)
    construct = "`if attention_mask is None: ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        # Bound again, the name stands for the mask that was built.
        built = next((index for index, item in enumerate(body) if _binds_mask(item)), len(body))
        given = _builds_only_with_mask(function.node, anatomy)
        if not given:
            finder = _OtherBranches(function.node)
            for item in body[:built]:
                item.visit(finder)
            if finder.other is not None:
                raise Unmatched("with a mask of the tokens upstream does more than hand it on", finder.other)
        before = function.node.with_changes(body=function.node.body.with_changes(body=body[:built]))
        node, decided = fold(before, lambda test: _truth(test, given))
        if not decided:
            return function.node, 0
        kept = [*statements_of(node.body), *body[built:]]
        return node.with_changes(body=node.body.with_changes(body=kept)), decided


def _binds_mask(item: cst.BaseStatement) -> bool:
    return (assigned_name(item) or ("",))[0] in MASK


class _OtherBranches(cst.CSTVisitor):
    """The first branch on the mask of the tokens that does more than make one, or hand it on."""

    def __init__(self, function: cst.FunctionDef) -> None:
        self.function = function
        self.other: cst.CSTNode | None = None

    def visit_If(self, node: cst.If) -> None:
        if not _asks_for_mask(node.test):
            return
        orelse = node.orelse.body if isinstance(node.orelse, cst.Else) else None
        sides = [node.body, orelse] if orelse is not None else [node.body]
        understood = all(self._is_about_mask(item, node) for side in sides for item in statements_of(side))
        if not understood or isinstance(node.orelse, cst.If):
            self.other = self.other or node

    def visit_IfExp(self, node: cst.IfExp) -> None:
        if _asks_for_mask(node.test) and not (_is_mask(node.body) and _is_mask(node.orelse)):
            self.other = self.other or node

    def _is_about_mask(self, item: cst.BaseStatement, branch: cst.If) -> bool:
        """Whether a statement binds a name to a mask, or one that is read in the branch alone."""
        assigned = assigned_name(item)
        if assigned is None:
            return False
        outside = cst.ensure_type(self.function.deep_remove(branch), cst.FunctionDef)
        return _is_mask(assigned[1]) or assigned[0] not in names_loaded(outside) | names_bound(outside)


def _asks_for_mask(test: cst.BaseExpression) -> bool:
    """Whether a condition asks, among other things, if there is a mask."""
    comparisons = matchers.findall(test, matchers.Comparison())
    return any(isinstance(item, cst.Comparison) and none_comparison(item, MASK) is not None for item in comparisons)


def _is_mask(value: cst.BaseExpression) -> bool:
    text = source(value)
    return text.startswith(MADE) or HANDED_ON.fullmatch(text) is not None


def _truth(test: cst.BaseExpression, given: bool) -> bool | None:
    absent = none_comparison(test, MASK)
    return not absent if absent is not None and given else absent


def _builds_only_with_mask(function: cst.FunctionDef, anatomy: Anatomy) -> bool:
    """Whether upstream builds its causal mask only where it is given the tokens' mask, as generation always does."""
    builders = mask_builders(anatomy.file)
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test) == "attention_mask is not None"
        and any(isinstance(name, ast.Name) and name.id in builders for item in node.body for name in ast.walk(item))
        for node in ast.walk(ast.parse(cst.Module([function]).code))
    )
