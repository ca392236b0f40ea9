"""Drop cross-attention from decoders that may also serve behind an encoder.

An exported causal LM has no encoder: `encoder_hidden_states` is None, so the branches that attend to it, and the cache
class that holds its keys and values, never run.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold, none_comparison
from rewrite_rules._matching import assigned_name, names_read, parameter_names, source, without_parameters

ENCODER = frozenset({"encoder_hidden_states", "encoder_attention_mask", "encoder_outputs", "key_value_states"})
CACHE_OF_TWO = "EncoderDecoderCache"
CROSS_ATTENTION = {"self.config.add_cross_attention", "self.config.is_encoder_decoder", "self.is_cross_attention"}


class NoEncoder(Rule):
    why = "A causal LM is exported without an encoder: there is nothing to cross-attend to."
    roles = CALL_PATH
    construct = "branches on `encoder_hidden_states is not None`"

    def applies_to(self, function: Function) -> bool:
        told = bool(ENCODER & set(parameter_names(function.node))) or CACHE_OF_TWO in source(function.node)
        return super().applies_to(function) and told

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        callees = set(anatomy.callees(function.role))
        results = _FindResults(callees)
        function.node.visit(results)
        encoder = ENCODER - results.names
        false_names = _names_that_say_encoder(function.node)

        def truth(test: cst.BaseExpression) -> bool | None:
            if isinstance(test, cst.Name) and test.value in false_names:
                return False
            if source(test) in CROSS_ATTENTION or _asks_for_encoder(test):
                return False
            return none_comparison(test, encoder)

        node, decided = fold(function.node, truth)
        dropper = _DropEncoder(encoder, false_names, callees)
        node = cst.ensure_type(without_parameters(node, encoder).visit(dropper), cst.FunctionDef)
        left = (encoder | false_names) & names_read(node)
        if left:
            raise Unmatched(f"`{min(left)}` is used outside a branch on it", node)
        return node, max(decided, 1)


class _FindResults(cst.CSTVisitor):
    """Names that hold what the next part of the decoder returns, whatever they are called."""

    def __init__(self, callees: set[str]) -> None:
        self.callees = callees
        self.names: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and isinstance(assigned[1], cst.Call) and source(assigned[1].func) in self.callees:
            self.names.add(assigned[0])


def _names_that_say_encoder(function: cst.FunctionDef) -> set[str]:
    """Locals that hold `encoder_hidden_states is not None`."""
    finder = _FindFlags()
    function.visit(finder)
    return finder.names


class _FindFlags(cst.CSTVisitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and none_comparison(assigned[1], ENCODER) is False:
            self.names.add(assigned[0])


def _asks_for_encoder(test: cst.BaseExpression) -> bool:
    """Whether a test asks for the cache of an encoder, or for the type of what is known to be None."""
    if not isinstance(test, cst.Call) or source(test.func) != "isinstance" or len(test.args) != 2:
        return False
    return source(test.args[1].value) == CACHE_OF_TWO or source(test.args[0].value) in ENCODER


class _DropEncoder(cst.CSTTransformer):
    """Remove the assignments of what is known to be None or false, and the arguments that hand it on."""

    def __init__(self, encoder: frozenset[str], flags: set[str], callees: set[str]) -> None:
        self.encoder = encoder
        self.flags = flags
        self.callees = callees

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        if assigned is not None and (assigned[0] in self.flags or assigned[0] in self.encoder):
            return cst.RemoveFromParent()
        # `x = x if <no encoder> else y`
        same = assigned is not None and source(assigned[1]) == assigned[0]
        return cst.RemoveFromParent() if same else updated_node

    def leave_BooleanOperation(
        self, original_node: cst.BooleanOperation, updated_node: cst.BooleanOperation
    ) -> cst.BaseExpression:
        """`<more> and not <cross-attention>`, wherever it stands, is `<more>`."""
        last = updated_node.right
        negates = isinstance(last, cst.UnaryOperation) and isinstance(last.operator, cst.Not)
        if not isinstance(updated_node.operator, cst.And) or not negates:
            return updated_node
        return (
            updated_node.left
            if source(cst.ensure_type(last, cst.UnaryOperation).expression) in self.flags
            else (updated_node)
        )

    def leave_Annotation(self, original_node: cst.Annotation, updated_node: cst.Annotation) -> cst.Annotation:
        plain = source(updated_node.annotation).replace(CACHE_OF_TWO, "Cache")
        if plain == source(updated_node.annotation):
            return updated_node
        return updated_node.with_changes(annotation=cst.parse_expression(plain))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if source(original_node.func) == CACHE_OF_TWO and len(updated_node.args) == 2:
            # The first of the two is the decoder's own.
            return updated_node.args[0].value
        if source(original_node.func) not in self.callees:
            return updated_node
        kept = [item for item in updated_node.args if source(item.value) not in ENCODER and not _is_no_encoder(item)]
        return updated_node if len(kept) == len(updated_node.args) else updated_node.with_changes(args=kept)


def _is_no_encoder(argument: cst.Arg) -> bool:
    """Whether an argument says that there is no encoder: `encoder_attention_mask=None`."""
    return argument.keyword is not None and argument.keyword.value in ENCODER and source(argument.value) == "None"
