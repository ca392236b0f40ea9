"""What modeling files spell in more than one way, said once: named patterns for rules to use as `$NAME`."""

from __future__ import annotations

from qeff_codegen.anatomy.vocabulary import CACHE as CACHE
from qeff_codegen.anatomy.vocabulary import POSITIONS as POSITIONS
from qeff_codegen.patterns.pattern import Pattern

# How upstream counts positions: one for each new token, on from what is cached.
COUNT = "torch.arange($new, device=$_.device) + $seen"

VOCABULARY = {
    # How many tokens upstream has cached.
    "SEEN": "{$cached.get_seq_length() if $cached is not None else 0,"
    " 0 if $cached is None else $cached.get_seq_length()}",
    "LINEAR": "nn.functional.linear",
    "ACTIVATION": "{nn.functional.silu, nn.functional.gelu}",
    # Statements: the choices of all tokens, one-hot, with the experts in front.
    "MASK": """
if ...:
    $mask = nn.functional.one_hot($chosen, num_classes=$count).permute(2, 1, 0)
else:
    $mask = nn.functional.one_hot($chosen, num_classes=$count)
    $mask = $mask.permute(2, 1, 0)
""",
    # Statements: every expert that some token chose; left out of the sum is none, counted twice is none.
    "HITS": """
$MASK
$hit = torch.greater($mask.sum(dim=(-1, -2)), 0).nonzero()
""",
}


def pattern(text: str) -> Pattern:
    """A pattern that may use the vocabulary."""
    return Pattern(text, VOCABULARY)
