"""Where following begins: what an export gives the causal LM, and the tables that rules give to modules."""

from __future__ import annotations

from qeff_codegen.axes.frame import Names
from qeff_codegen.axes.values import CACHE, KEYS, ONE, OWN_TABLE, POSITIONS, ROWS, SOME, TOKENS, Tensor, Value

# What an export gives the causal LM; everything else keeps its default.
INPUTS: Names = {
    "input_ids": Tensor(((ROWS,), (TOKENS,))),
    "position_ids": Tensor(((ROWS,), (TOKENS,)), POSITIONS),
    "position_sections": Tensor(((SOME,), (ROWS,), (TOKENS,)), POSITIONS),
    "deep_embeds": Tensor(((SOME,), (ROWS,), (TOKENS,), (SOME,)), optional=True),
    "past_key_values": CACHE,
    "batch_index": Tensor(((ROWS,), ONE), optional=True),
    "comp_ctx_lengths": Tensor(((KEYS,),), optional=True),
    "num_logits_to_keep": Tensor(((SOME,),), optional=True),
}
# Tables that rules make, a row for every position, by how their names end; slopes of heads come before positions.
OWN_TABLES: dict[str, Value] = {
    "cos_cached": Tensor(((SOME,), (SOME,)), OWN_TABLE),
    "sin_cached": Tensor(((SOME,), (SOME,)), OWN_TABLE),
    "of_kind": Tensor(((SOME,), ONE, ONE, (SOME,)), OWN_TABLE),
    "freqs_cis_cached": Tensor(((SOME,), (SOME,), (SOME,)), OWN_TABLE),
    "alibi_cached": Tensor(((SOME,), ONE, (SOME,)), OWN_TABLE),
}
