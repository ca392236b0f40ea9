"""Runs in a checkout's interpreter: python window_caches.py

Runs a tiny gemma3 as the checkout has it, with caches of its window's size, over a prompt that is longer than that,
and prints one JSON document: by the length of its calls, how far the last logits are from upstream's.
"""

from __future__ import annotations

import copy
import json
import os
from typing import Any

import torch
from QEfficient import QEFFAutoModelForCausalLM
from transformers import AutoConfig
from transformers.models.gemma3.modeling_gemma3 import Gemma3ForCausalLM

from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens

WINDOW, PROMPT, CTX_LEN = 4, 16, 32
SETTINGS = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 160,
    "sliding_window": WINDOW,
    "max_position_embeddings": 128,
}


def last_logits(model: Any, tokens: torch.Tensor, length: int) -> torch.Tensor:
    """The logits of the last token, after calls of `length` tokens, each layer with its own cache."""
    config = model.config
    slots = [WINDOW if kind == "sliding_attention" else CTX_LEN for kind in config.layer_types]
    shapes = [(1, config.num_key_value_heads, each, config.head_dim) for each in slots]
    cache: Any = [(torch.zeros(shape), torch.zeros(shape)) for shape in shapes]
    for start in range(0, PROMPT, length):
        positions = torch.arange(start, start + length)[None]
        with torch.no_grad():
            outputs = model(input_ids=tokens[:, start : start + length], position_ids=positions, past_key_values=cache)
        cache = outputs.past_key_values
        if not isinstance(cache, list | tuple):
            cache = cache.to_legacy_cache()
    logits: torch.Tensor = outputs.logits[0, -1]
    return logits


def main() -> None:
    """Print what was found."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    config: Any = AutoConfig.for_model("gemma3_text", **SETTINGS)
    config._attn_implementation = "eager"
    upstream: Any = build_tiny_model(Gemma3ForCausalLM, config, 0)
    upstream.config.architectures = [type(upstream).__name__]
    tokens = torch.tensor([random_tokens(PROMPT, config.vocab_size, 0)])
    with torch.no_grad():
        expected = upstream(input_ids=tokens).logits[0, -1]
    model = QEFFAutoModelForCausalLM(copy.deepcopy(upstream)).model.eval()
    found = {length: float((last_logits(model, tokens, length) - expected).abs().max()) for length in (1, 2, 4)}
    answers.write(json.dumps({"spread": float(expected.std()), "differences": found}) + "\n")


if __name__ == "__main__":
    main()
