"""What modeling files spell in more than one way, said once: named patterns for rules to use as `$NAME`.

Also the names that generated code has for what every rule knows.
"""

from __future__ import annotations

from qeff_codegen.patterns.pattern import Pattern

# Names in generated code; the first two are upstream's own.
CACHE = "past_key_values"
POSITIONS = "position_ids"

# How upstream counts positions: one for each new token, on from what is cached.
COUNT = "torch.arange($new, device=$_.device) + $seen"

VOCABULARY = {
    # How many tokens upstream has cached.
    "SEEN": "{$_.get_seq_length() if $_ is not None else 0, 0 if $_ is None else $_.get_seq_length()}",
    "LINEAR": "nn.functional.linear",
}


def pattern(text: str) -> Pattern:
    """A pattern that may use the vocabulary."""
    return Pattern(text, VOCABULARY)
