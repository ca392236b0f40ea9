"""Which refusals no rule can lift: what of the device's contract stands against a construct.

The contract is that of the compiled graph: one row for each token, at the position that `position_ids` says; a mask
that follows from positions; a cache that is taken and returned; logits of one next token for each row. A model that
needs another graph is not refused for want of a rule.
"""

from __future__ import annotations

import re

from qeff_codegen.coverage.family_result import FamilyResult

# By what the refusals say, whatever the class is called.
_AGAINST = {
    r"draws at random what is attended to": "the mask follows from positions; what is drawn would be frozen",
    r"chooses by values which tokens may be attended to": "the mask follows from positions, not from scores",
    r"predicts several tokens at once, by several heads": "logits are those of one next token for each row",
    r"has no KV cache": "a cache is taken and returned, and a step of decoding is given one token",
    r"gives its layers more rows than there are tokens": "a row is a token, at the position that is given with it",
    r"keeps hidden states instead of keys and values": "what stays on the device is keys, values and states",
    r"`\w+ForCausalLM` attends to later tokens too": "a token sees itself and those before it",
}


def against_it(result: FamilyResult) -> str:
    """What of the contract stands against a refused family; empty where a rule is what is missing."""
    return next((why for said, why in _AGAINST.items() if re.search(said, result.reason)), "")
