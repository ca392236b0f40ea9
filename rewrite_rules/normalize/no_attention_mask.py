"""Drop what the model does with an attention mask of the tokens.

An exported decoder is given none: pads are told by a position of -1, and stand to the right. Upstream then counts
every slot as a token, and so does the graph, whose mask forbids those that hold none. Where upstream builds its causal
mask only when it is given one, as generation does, the graph builds its own.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import BUILDERS_MODULE
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold, none_comparison
from rewrite_rules._matching import assigned_name, statements_of

MASK = frozenset({"attention_mask"})


class NoAttentionMask(Rule):
    why = "No attention mask is given: pads have the position -1, and the mask is made from positions."
    roles = (Role.MODEL,)
    construct = "`if attention_mask is None: ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        # Bound again, the name stands for the mask that was built.
        built = next((index for index, item in enumerate(body) if _binds_mask(item)), len(body))
        given = _builds_only_with_mask(function.node, anatomy)
        before = function.node.with_changes(body=function.node.body.with_changes(body=body[:built]))
        node, decided = fold(before, lambda test: _truth(test, given))
        if not decided:
            return function.node, 0
        kept = [*statements_of(node.body), *body[built:]]
        return node.with_changes(body=node.body.with_changes(body=kept)), decided


def _binds_mask(item: cst.BaseStatement) -> bool:
    return (assigned_name(item) or ("",))[0] in MASK


def _truth(test: cst.BaseExpression, given: bool) -> bool | None:
    absent = none_comparison(test, MASK)
    return not absent if absent is not None and given else absent


def _builds_only_with_mask(function: cst.FunctionDef, anatomy: Anatomy) -> bool:
    """Whether upstream builds its causal mask only where it is given the tokens' mask, as generation always does."""
    builders = {name for name, (module, _) in anatomy.file.imports.items() if module == BUILDERS_MODULE}
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test) == "attention_mask is not None"
        and any(isinstance(name, ast.Name) and name.id in builders for item in node.body for name in ast.walk(item))
        for node in ast.walk(ast.parse(cst.Module([function]).code))
    )
