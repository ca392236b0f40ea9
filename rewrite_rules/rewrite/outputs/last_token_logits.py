"""Return the logits of each row's last token, in float32, or of its last few where those are asked for.

Rows are right-padded with position -1, so a row's last token is where its positions are largest. `argmax` runs on
int32, the integer type the contract asks for there.

Upstream's `logits_to_keep` makes room for `num_logits_to_keep`, a tensor whose length says of how many tokens: one
call of a speculative decoder's target checks several drafted tokens. They follow each other up to the row's last one;
in a row with fewer tokens they start with its first.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import replace_parameter
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

KEEP = "logits_to_keep"
COUNT = "num_logits_to_keep"
KEPT = pattern(f"slice_logits_to_keep($states, {KEEP})")
INDEX = f"""\
logit_index = position_ids.to(torch.int32).argmax(1, keepdim=True)
if {COUNT} is not None:
    num_logits = {COUNT}.shape[0]
    logit_index = (logit_index - num_logits + 1).clamp(min=0) + torch.arange(num_logits)
"""
ROWS = "$states[torch.arange(position_ids.shape[0]).view(-1, 1), logit_index]"


class LastTokenLogits(Rule):
    why = (
        "Only the next token is sampled: one row of logits per sequence, at its largest position, in float32. "
        "Checking drafted tokens takes as many rows as `num_logits_to_keep` is long."
    )
    roles = (Role.CAUSAL_LM,)
    expect = Expect.EXACTLY_ONE
    construct = f"`slice_logits_to_keep(<hidden states>, {KEEP})` on the way into the head, and the parameter {KEEP}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        kept = find_all(KEPT, code)
        if not function.is_forward or not kept or KEEP not in code.parameters:
            return code, 0
        edits = Edits(code)
        for found in kept:
            make(edits, found, ROWS)
            statement = code.statement_of(found.node)
            gap = [line for line in edits.above(statement) if not line]
            edits.replace_above(statement, [*gap, *INDEX.splitlines()])
        logits = [item.value for item in code.nodes(ast.keyword) if item.arg == "logits"]
        named = [value for value in logits if isinstance(value, ast.Name)]
        for value in named:
            edits.replace(value, f"{value.id}.float()")
        replace_parameter(edits, KEEP, f"{COUNT}: torch.LongTensor | None = None")
        left = edits.done()
        if KEEP in left.names or not named:
            raise Unmatched("the kept logits are used in another way", left.tree)
        return left, len(kept)
