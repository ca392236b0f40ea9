"""Runs in a checkout's interpreter: python blocks_in_checkout.py FAMILY

Prints a line for each blocking mode, `mode difference`: how far logits are from those without blocks, at most, over a
prefill with pads and two decode steps.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import torch
from QEfficient.blocking.attention_blocking import AttentionBlockingConfig, BlockingMode
from QEfficient.transformers.models.pytorch_transforms import (
    BlockingAttentionTransform,
    CustomOpsTransform,
    KVCacheTransform,
)
from transformers import AutoConfig, AutoModelForCausalLM

LAYERS, KV_HEADS, HEAD_DIM, CTX_LEN, VOCAB_SIZE = 2, 2, 16, 32, 128
# Not "hq", for which QEfficient's own functions ask for a number that this mode does not have.
MODES = ("kv", "q", "h", "qkv", "hkv", "hqkv", "bhqkv")


def upstream_model(family: str) -> Any:
    """A tiny model, every weight drawn anew."""
    sizes = {"hidden_size": 64, "intermediate_size": 64, "vocab_size": VOCAB_SIZE, "num_attention_heads": 4}
    config = AutoConfig.for_model(
        family,
        **sizes,
        num_hidden_layers=LAYERS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=64,
        pad_token_id=0,
    )
    config.head_dim = HEAD_DIM
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def logits(model: Any, mode: str) -> torch.Tensor:
    """`[2, 3, vocab]`: those of a prefill of 8 tokens, half of the second row pads, and of two decode steps."""
    for transform in (CustomOpsTransform, KVCacheTransform):
        model, _ = transform.apply(model)
    if mode:
        blocking = AttentionBlockingConfig(
            mode=BlockingMode(mode), num_kv_blocks=4, num_q_blocks=2, head_block_size=2, num_batch_blocks=2
        )
        BlockingAttentionTransform.apply(model, blocking)
    cache: Any = [(torch.zeros(2, KV_HEADS, CTX_LEN, HEAD_DIM),) * 2 for _ in range(LAYERS)]
    input_ids = torch.arange(16).view(2, 8) * 7
    position_ids = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, -1, -1, -1, -1]])
    found = []
    for _ in range(3):
        outputs = model(input_ids=input_ids, position_ids=position_ids, past_key_values=cache)
        cache = outputs.past_key_values
        found.append(outputs.logits)
        input_ids, position_ids = outputs.logits.argmax(-1), position_ids.max(1, keepdim=True).values + 1
    return torch.cat(found, 1)


def main() -> None:
    """Print a line for each mode."""
    model = upstream_model(sys.argv[1])
    with torch.no_grad():
        whole = logits(copy.deepcopy(model), "")
        for mode in MODES:
            print(mode, float((logits(copy.deepcopy(model), mode) - whole).abs().max()))


if __name__ == "__main__":
    main()
