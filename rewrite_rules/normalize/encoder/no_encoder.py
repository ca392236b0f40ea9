"""Drop cross-attention from decoders that may also serve behind an encoder.

An exported causal LM has no encoder: `encoder_hidden_states` is None, so the branches that attend to it, and the cache
class that holds its keys and values, never run.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.calls import arguments_of, drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.names import assigned, drop_assignments, results_of
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

ENCODER = frozenset({"encoder_hidden_states", "encoder_attention_mask", "encoder_outputs", "key_value_states"})
CACHE_OF_TWO = "EncoderDecoderCache"
# The first of the two is the decoder's own.
TWO_CACHES = pattern(f"{CACHE_OF_TWO}($own, $_)")
# What is false without an encoder: questions for cross-attention, and for the type of what is None.
CROSS_ATTENTION = pattern(
    "{self.config.add_cross_attention, self.config.is_encoder_decoder, self.is_cross_attention, "
    f"isinstance($_, {CACHE_OF_TWO}), isinstance({{{', '.join(sorted(ENCODER))}}}, $_)}}"
)


class NoEncoder(Rule):
    why = "A causal LM is exported without an encoder: there is nothing to cross-attend to."
    roles = CALL_PATH
    construct = "branches on `encoder_hidden_states is not None`"

    def applies_to(self, function: Function) -> bool:
        told = bool(ENCODER & set(function.code.parameters)) or CACHE_OF_TWO in function.code.identifiers
        return super().applies_to(function) and told

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        callees = anatomy.callees(function.role)
        # Names that hold what the next part of the decoder returns say nothing of an encoder.
        encoder = ENCODER - results_of(callees, function.code)
        bound = filter(None, map(assigned, function.code.nodes(ast.Assign)))
        flags = {name for name, value in bound if none_comparison(value, ENCODER) is False}

        def truth(test: ast.expr) -> bool | None:
            if (isinstance(test, ast.Name) and test.id in flags) or match(CROSS_ATTENTION, test):
                return False
            return none_comparison(test, encoder)

        code, decided = fold(function.code, truth)
        edits = Edits(code)
        for found in find_all(TWO_CACHES, code):
            make(edits, found, "$own")
        for name in code.nodes(ast.Name):
            if name.id == CACHE_OF_TWO and any(isinstance(around, ast.arg) for around in code.parents(name)):
                edits.replace(name, "Cache")
        for call in code.nodes(ast.Call):
            if spelled(call.func) in callees:
                drop_arguments(edits, call, [item for item in arguments_of(call) if _hands_on(item)])
        _drop_negations(edits, flags)
        drop_assignments(edits, encoder | flags)
        drop_parameters(edits, encoder)
        left = edits.done()
        used = (encoder | flags) & left.names
        if used:
            raise Unmatched(f"`{min(used)}` is used outside a branch on it", left.tree)
        return left, max(decided, 1)


def _hands_on(argument: ast.expr | ast.keyword) -> bool:
    """Whether an argument hands on what is known to be None, or says that there is no encoder."""
    value = argument.value if isinstance(argument, ast.keyword) else argument
    if isinstance(value, ast.Name):
        return value.id in ENCODER
    is_none = isinstance(value, ast.Constant) and value.value is None
    return is_none and isinstance(argument, ast.keyword) and argument.arg in ENCODER


def _drop_negations(edits: Edits, flags: set[str]) -> None:
    """`<more> and not <cross-attention>`, wherever it stands, is `<more>`."""
    for node in edits.code.nodes(ast.BoolOp):
        *_, before, last = node.values
        negated = last.operand if isinstance(last, ast.UnaryOp) and isinstance(last.op, ast.Not) else None
        if isinstance(node.op, ast.And) and isinstance(negated, ast.Name) and negated.id in flags:
            edits.put(edits.code.span(before)[1], edits.code.span(last)[1], "")
