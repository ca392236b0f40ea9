"""What normalised and generated code calls the things that every part is handed."""

from __future__ import annotations

CACHE = "past_key_values"
POSITIONS = "position_ids"
# By what a part is handed its layer's number, where it keeps none.
LAYER_NUMBER = "layer_idx"
# How many tokens upstream has cached.
SEEN = f"{CACHE}.get_seq_length() if {CACHE} is not None else 0"
