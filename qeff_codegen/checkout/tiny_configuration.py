"""The entry of `tests/configs/causal_model_configs.json`: the settings that make a checkpoint's configuration tiny.

QEfficient's tests load the checkpoint's configuration and then set these, so each is given by the name that the
family's class really has, and whatever must agree with a size that is set is set as well.
"""

from __future__ import annotations

from typing import Any

from qeff_codegen.checkout.upstream_configuration import UpstreamConfiguration

HIDDEN_SIZE = 64
HEADS = 2

# By transformers' own names, which `attribute_map` translates. The sizes are those of the entries that are there.
_CANONICAL: dict[str, Any] = {
    "max_position_embeddings": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "hidden_size": HIDDEN_SIZE,
    "intermediate_size": 256,
    "vocab_size": None,
    "num_key_value_heads": 1,
    "head_dim": HIDDEN_SIZE // HEADS,
}
# By the names that families give them. Experts: four, of which a token takes two, in every layer.
_FURTHER: dict[str, Any] = {
    **dict.fromkeys(("decoder_attention_heads",), HEADS),
    **dict.fromkeys(("decoder_ffn_dim", "ffn_dim", "ffn_hidden_size"), 256),
    "decoder_layers": 1,
    "num_kv_heads": 1,
    "rotary_dim": 16,
    "word_embed_proj_dim": HIDDEN_SIZE,
    **dict.fromkeys(("moe_num_experts", "n_routed_experts", "num_experts", "num_local_experts"), 4),
    **dict.fromkeys(("moe_k", "moe_topk", "num_experts_per_tok", "top_k_experts"), 2),
    **dict.fromkeys(("moe_num_shared_experts", "n_shared_experts", "num_shared_experts"), 1),
    **dict.fromkeys(("expert_ffn_hidden_size", "moe_intermediate_size"), 128),
    **dict.fromkeys(("shared_expert_intermediate_size", "shared_intermediate_size"), 128),
    **dict.fromkeys(("n_group", "topk_group"), 1),
    "attention_types": [[["global"], 1]],
    "first_k_dense_replace": 0,
    "mlp_only_layers": [],
    "moe_layer_start_index": 0,
    "num_dense_layers": 0,
}
# Multi-head latent attention, where every head has its own keys and values.
_LATENT: dict[str, Any] = {
    "kv_lora_rank": 32,
    "q_lora_rank": 32,
    "qk_head_dim": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
    "head_dim": 16,
    "num_key_value_heads": HEADS,
}


def tiny_configuration(configuration: UpstreamConfiguration) -> dict[str, Any]:
    """What to set, in the family's own names; the vocabulary stays as it is, for the tokenizer's sake."""
    settings = configuration.settings
    sizes = _CANONICAL | _FURTHER
    if "kv_lora_rank" in settings:
        sizes |= _LATENT
    kinds = _layer_kinds(configuration)
    layers = len(kinds) or 1
    if "no_rope_layers" in settings:
        # A layer with rotation, 1, and one without: what the family differs in from others.
        layers = max(layers, 2)
        kinds += kinds[-1:] * (layers - len(kinds))
        sizes |= {"no_rope_layers": [1] * (layers - 1) + [0]}
    sizes |= {"num_hidden_layers": layers, "decoder_layers": layers, "layer_types": kinds or None}
    sizes |= {"mlp_layer_types": ["sparse"] * layers, "moe_layer_end_index": layers - 1}
    named = {configuration.own_name(name): value for name, value in sizes.items()}
    vocabulary = configuration.own_name("vocab_size")
    named[vocabulary] = settings.get(vocabulary)
    return {name: value for name, value in named.items() if name in settings and value is not None}


def _layer_kinds(configuration: UpstreamConfiguration) -> list[str]:
    """One layer of each kind that layers are made of by default; none where layers have no kinds.

    A window that a switch turns on is off by default, so all layers are of the other kind then.
    """
    settings = configuration.settings
    if "layer_types" not in settings:
        return []
    windowed = settings.get("sliding_window") is not None and "use_sliding_window" not in settings
    kinds = ["sliding_attention"] * (windowed and "sliding_attention" in configuration.strings)
    return [*kinds, "full_attention"]
