"""GGUF files of a tiny Llama, as the gguf package writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
from transformers import AutoModelForCausalLM

# GGUF's name of each of Llama's weights.
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def no_tokenizer(writer: Any) -> None:
    """What a file without a tokenizer says of it."""


def write_gguf(path: Path, checkpoint: Path, describe_tokenizer: Callable[[Any], None] = no_tokenizer) -> Path:
    """A checkpoint's model in a GGUF file, with what `describe_tokenizer` writes into its header."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    describe_tokenizer(writer)
    for name, weight in model.state_dict().items():
        stem = name.removesuffix(".weight")
        layer = f"blk.{stem.split('.')[2]}." if stem.startswith("model.layers") else ""
        part = stem.split(".", 3)[3] if layer else stem
        projection = part.split(".")[-1]
        if projection in heads:
            # llama.cpp rotates neighbours, so it keeps the halves of a head interleaved.
            weight = weight.view(heads[projection], 2, -1, config.hidden_size).transpose(1, 2).reshape(weight.shape)
            part = f"attn_{projection[0]}"
        writer.add_tensor(f"{layer}{NAMES.get(part, part)}.weight", weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
