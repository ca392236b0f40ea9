"""Drop what the model does with an attention mask of the tokens.

An exported decoder is given none: pads are told by a position of -1, and stand to the right. Upstream then counts
every slot as a token, and so does the graph, whose mask forbids those that hold none. Where upstream builds its causal
mask only when it is given one, as generation does, the graph builds its own. Generation gives upstream a mask of ones,
so a branch that does more than make such a mask, or hand it on, would be missed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.names import assigned, names_in, names_outside
from qeff_codegen.codemod.tree import walk
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

MASK = "attention_mask"
GIVEN = pattern("attention_mask is not None")
# The mask itself, in another form or place, and the one that generation would give.
A_MASK = pattern("{attention_mask, torch.ones(...)}")
HANDED_ON = pattern("{$mask.to(...), $mask.view(...), $mask.bool(), $mask.long(), $mask.float()}")


class NoAttentionMask(Rule):
    why = "No attention mask is given: pads have the position -1, and the mask is made from positions."
    roles = (Role.MODEL,)
    names = (MASK,)
    construct = "`if attention_mask is None: ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        # Bound again, the name stands for the mask that was built.
        built = next((item.lineno for item in code.body if (assigned(item) or ("",))[0] == MASK), None)

        def is_before(node: ast.expr | ast.stmt) -> bool:
            return built is None or node.lineno < built

        given = _builds_only_with_mask(code, anatomy)
        if not given:
            _refuse_other_branches(code, is_before)

        def truth(test: ast.expr) -> bool | None:
            absent = none_comparison(test, {MASK}) if is_before(test) else None
            return not absent if absent is not None and given else absent

        return fold(code, truth)


def _refuse_other_branches(code: Code, is_before: Callable[[ast.expr | ast.stmt], bool]) -> None:
    """Refuse a branch on the mask of the tokens that does more than make one, or hand it on."""
    branches: list[ast.If | ast.IfExp] = [*code.nodes(ast.If), *code.nodes(ast.IfExp)]
    for node in sorted(branches, key=lambda item: item.lineno):
        if not is_before(node) or not _asks_for_mask(node.test):
            continue
        if isinstance(node, ast.If):
            understood = all(_is_about_mask(item, node, code) for item in (*node.body, *node.orelse))
        else:
            understood = is_mask(node.body) and is_mask(node.orelse)
        if not understood:
            raise Unmatched("with a mask of the tokens upstream does more than hand it on", node)


def _asks_for_mask(test: ast.expr) -> bool:
    """Whether a condition asks, among other things, if there is a mask."""
    return any(none_comparison(item, {MASK}) is not None for item in walk(test) if isinstance(item, ast.expr))


def _is_about_mask(item: ast.stmt, branch: ast.If, code: Code) -> bool:
    """Whether a statement binds a name to a mask, or one that the branch alone knows."""
    named = assigned(item)
    return named is not None and (is_mask(named[1]) or named[0] not in names_outside(code, branch))


def is_mask(value: ast.expr) -> bool:
    """Whether an expression is the mask of the tokens, in whatever form, or one of ones."""
    handed_on = match(HANDED_ON, value)
    return match(A_MASK, value) is not None or (handed_on is not None and is_mask(handed_on["mask"]))


def _builds_only_with_mask(code: Code, anatomy: Anatomy) -> bool:
    """Whether upstream builds its causal mask only where it is given the tokens' mask, as generation always does."""
    builders = mask_builders(anatomy.file)
    branches = (node for node in code.nodes(ast.If) if match(GIVEN, node.test) is not None)
    return any(not builders.isdisjoint(names_in(item)) for node in branches for item in node.body)
