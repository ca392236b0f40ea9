"""Ten ways in which generated code could be wrong, each made in the text of a generated file.

They are made by hand, unlike those of `tests/mutants`, and in what is generated, not in what is read: they ask whether
a wrong file would be noticed, by QEfficient's own tests and by the stages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LAST_TOKEN = r"position_ids\.to\(torch\.int32\)\.argmax\(1, keepdim=True\)"
ATTENTION_CLASS = r"class QEff\w+Attention\(.*?(?=\nclass |\ndef )"


@dataclass(frozen=True)
class Mutant:
    """One wrong change.

    Attributes:
        name: what is wrong, for a table.
        pattern: what is changed, as a regular expression that may go over lines.
        new: what it becomes.
        within: the part of the file that it is looked for in.
    """

    name: str
    pattern: str
    new: str
    within: str = ".*"

    def applied(self, text: str) -> str | None:
        """The file with the change at every place, or None where there is none to make."""
        changed = re.sub(self.within, lambda part: re.sub(self.pattern, self.new, part[0]), text, flags=re.DOTALL)
        return changed if changed != text else None


MUTANTS = (
    Mutant(
        "`batch_index` dropped in attention",
        r"(\"batch_index\": |\bbatch_index=)batch_index",
        r"\1None",
        ATTENTION_CLASS,
    ),
    Mutant("scores negated", r"torch\.matmul\(query, key_states\.transpose\(2, 3\)\)", r"-\g<0>"),
    Mutant(
        "mask ignored", r"torch\.where\(attention_mask, MIN_MASKED_ATTENTION_VALUE, attn_weights\)", "attn_weights"
    ),
    Mutant("one token of the future is seen", r"_create_causal_mask\((\s*)position_ids=position_ids", r"\g<0> + 1"),
    Mutant("keys and values written one slot late", r"(\"position_ids\": position_ids)", r"\1 + 1", ATTENTION_CLASS),
    Mutant(
        "keys written, values not",
        r"\.update\((\s*)key_states, value_states,",
        r".update(\1key_states, torch.zeros_like(value_states),",
    ),
    Mutant("window ignored", r"(?<=[( ])sliding_window=self\.config\.sliding_window(?=[,\s)])", "sliding_window=None"),
    Mutant("soft cap of scores dropped", r"softcap=self\.attn_logit_softcapping", "softcap=None"),
    Mutant("logits of the token before the last", LAST_TOKEN, r"(\g<0> - 1).clamp(min=0)"),
    Mutant(
        "factor of the rotary tables dropped",
        r"(cos|sin)(?=\.squeeze\(0\), persistent)",
        r"(\1 / self.attention_scaling)",
    ),
)
