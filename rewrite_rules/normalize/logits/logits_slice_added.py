"""Let the head see the kept logits' rows only, where upstream computes the logits of every token.

Older causal LMs know no `logits_to_keep`: `logits = self.<head>(<outputs>[0])`. A linear head treats every token by
itself, so choosing before it is choosing after it; later rules see one spelling, the parameter included. The logits
may get another dtype or layout on the way, and the states a name of their own, or a factor that settings make.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, results_of
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

KEEP = "logits_to_keep"
STATES = pattern("{$outputs[0], $outputs.last_hidden_state}")
HEAD = pattern("$head($states)")
SCALED = pattern("{$states / $factor, $states * $factor}")
# What changes the logits' layout or dtype, and no number before the head.
AFTER_HEAD = pattern("{$logits.contiguous(), $logits.float(), $logits.to(torch.float32)}")


class LogitsSliceAdded(Rule):
    why = "Only the next token's logits are returned, so the head sees one row; later rules see one spelling."
    roles = (Role.CAUSAL_LM,)
    construct = "`<logits> = self.<head>(<outputs>[0])`, the head being an nn.Linear"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or KEEP in code.names:
            return code, 0
        outputs, states = results_of(anatomy.callees(Role.CAUSAL_LM), code), set[str]()
        linears = anatomy.causal_lm.cls.made_by("Linear")
        edits = Edits(code)
        for name, value in filter(None, map(assigned, code.nodes(ast.Assign))):
            if _are_states(value, outputs, states):
                states.add(name)
            while (changed := match(AFTER_HEAD, value)) is not None:
                value = changed["logits"]
            called = match(HEAD, value)
            if called is None or self_attribute(called["head"]) not in linears:
                continue
            given = called["states"]
            while (scaled := match(SCALED, given)) is not None and _is_of_settings(scaled["factor"]):
                given = scaled["states"]
            if _are_states(given, outputs, states):
                edits.replace(given, f"slice_logits_to_keep({code.segment(given)}, {KEEP})")
        count = int(bool(edits))
        if count:
            add_parameters(edits, {KEEP: "int | torch.Tensor | None"})
        return edits.done(), count


def _are_states(value: ast.expr, outputs: set[str], states: set[str]) -> bool:
    """Whether an expression is what the model returns first, by whatever name."""
    taken = match(STATES, value)
    if taken is not None:
        return isinstance(taken["outputs"], ast.Name) and taken["outputs"].id in outputs
    return isinstance(value, ast.Name) and value.id in states


def _is_of_settings(value: ast.expr) -> bool:
    """Whether an expression is a number that the configuration's settings make."""
    if isinstance(value, ast.BinOp):
        return _is_of_settings(value.left) and _is_of_settings(value.right)
    is_setting = isinstance(value, ast.Attribute) and spelled(value.value) == "self.config"
    return is_setting or isinstance(value, ast.Constant)
