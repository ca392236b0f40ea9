"""The smallest sizes at which every part of a family still does its work.

A size is set when the family's configuration class has an attribute of that name, so no table of families is needed;
the few that need more have a row in `EXCEPTIONS`, with the reason.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from qeff_codegen.tiny_models.release_differences import rope_settings, with_readable_sizes

# Every context of the tiny scenarios is shorter than this; "dynamic" NTK scaling therefore never starts, which is
# what an export with fixed tables can promise.
MAX_POSITIONS = 128
# Prompts and decoding of the RoPE scenario cross this position.
ORIGINAL_MAX_POSITIONS = 16
SLIDING_WINDOW = 6

NUM_LAYERS = 2

# Canonical transformers names; `attribute_map` says what a family calls them. Heads are wider than
# hidden_size / heads (where a family allows it) and K/V heads are fewer, so that mixed-up sizes cannot pass.
_CANONICAL: dict[str, Any] = {
    "vocab_size": 160,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": NUM_LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": MAX_POSITIONS,
}

# Further sizes, by the names families give them. Sizes that could be mixed up differ.
_FURTHER: dict[str, Any] = {
    # Families that also have an encoder say which sizes are the decoder's.
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 96,
    "decoder_layers": NUM_LAYERS,
    "dff": 96,
    "ffn_dim": 96,
    "ffn_hidden_size": 96,
    "hidden_size_per_layer_input": 16,
    # Not a size: some families are encoders unless they are told, and generate nonsense then.
    "is_decoder": True,
    "intermediate_size_mlp": 80,
    "laurel_rank": 12,
    "max_seq_len": MAX_POSITIONS,
    "max_target_positions": MAX_POSITIONS,
    "n_ctx": MAX_POSITIONS,
    "num_kv_heads": 2,
    # Fewer than the heads' dimensions: what lies beyond is not rotated.
    "rotary_dim": 8,
    "vocab_size_per_layer_input": 160,
    "word_embed_proj_dim": 48,
    # Temperature tuning starts at this position.
    "floor_scale": 8,
}

# Every token chooses two of eight experts, from two of four groups where there are groups.
_EXPERTS: dict[str, Any] = {
    **dict.fromkeys(("moe_num_experts", "n_routed_experts", "num_experts", "num_local_experts"), 8),
    **dict.fromkeys(("moe_k", "moe_topk", "num_experts_per_tok", "top_k_experts"), 2),
    **dict.fromkeys(("moe_num_shared_experts", "n_shared_experts", "num_shared_experts"), 2),
    **dict.fromkeys(("expert_ffn_hidden_size", "moe_intermediate_size"), 48),
    **dict.fromkeys(
        ("shared_expert_intermediate_size", "shared_experts_intermediate_size", "shared_intermediate_size"), 56
    ),
    "n_group": 4,
    "topk_group": 2,
    "zero_expert_num": 2,
    # Layer 0 dense, layer 1 of experts, in each of the ways families say so.
    "first_k_dense_replace": 1,
    "mlp_layer_types": ["dense", "sparse"],
    "mlp_only_layers": [0],
    "moe_layer_end_index": NUM_LAYERS - 1,
    "moe_layer_start_index": 1,
    "moe_layers": [1],
    "num_dense_layers": 1,
}

# Multi-head latent attention. Its rotary embedding takes `head_dim` for the part that is rotated.
_LATENT: dict[str, Any] = {
    "head_dim": 8,
    "index_head_dim": 16,
    # So many that no two tokens have the score of a key that no head looks at, 0: which of them is chosen is open.
    "index_n_heads": 12,
    # Fewer than any context, so that keys are left out.
    "index_topk": 7,
    "kv_lora_rank": 24,
    "num_key_value_heads": 4,
    "q_lora_rank": 40,
    "qk_head_dim": 24,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 20,
}

# Layers that keep states. A convolution's kernel stays: it is small, and longer than what decoding hands it.
_STATES: dict[str, Any] = {
    "linear_key_head_dim": 12,
    "linear_num_heads": 4,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_value_head_dim": 20,
    # Heads and their size make twice the model's; every head reads the states of one of two groups.
    **dict.fromkeys(("mamba_n_heads", "mamba_num_heads", "n_mamba_heads"), 8),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim", "mamba_headdim"), 16),
    **dict.fromkeys(("mamba_n_groups", "mamba_ngroups", "n_groups"), 2),
    **dict.fromkeys(("mamba_d_state", "ssm_state_size", "state_size"), 12),
    **dict.fromkeys(("mamba_dt_rank", "time_step_rank"), 6),
    "mamba_d_ssm": 128,
    # Where they are asked for, some releases compute on no device without them.
    "use_mamba_kernels": False,
    # The second layer attends, in each of the ways families say so.
    "attn_layer_indices": [1],
    "attn_layer_offset": 1,
    "attn_layer_period": 2,
}

# Model types that need more than their attributes tell, and why.
EXCEPTIONS: dict[str, dict[str, Any]] = {
    # Without positions they count from the row after the pad token's, so there must be one.
    **dict.fromkeys(
        ("camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
        {"pad_token_id": 1},
    ),
    # Its rotary settings stand for each kind of layer, and those without any are not rotated.
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention"],
        "logit_scale": 0.75,
        "rope_parameters": {
            "full_attention": None,
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]},
        },
    },
    # Its sizes stand in nested configurations. The experts' size must equal the model's, or upstream itself fails.
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 2.0, "rope_theta": 10000.0},
        "ffn_config": {"hidden_size": 64, "ffn_hidden_size": 64, "moe_num_experts": 8, "moe_top_k": 2},
    },
    # Of four layers the two in the middle run twice, each time with keys and values of their own. Its scales are read
    # in units of the range of initial values: what is drawn would be many times one that is small.
    "dory": {
        "initializer_range": 1.0,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "n_input_layers": 1,
        "n_output_layers": 1,
        "n_recurrent_layers": 2,
        "num_hidden_layers": 4,
    },
    # Its layers with a window have sizes of their own, which are no attributes of the configuration.
    "dots3_note_text": {
        "swa_head_dim": 24,
        "swa_kv_lora_rank": 28,
        "swa_num_attention_heads": 2,
        "swa_num_key_value_heads": 2,
        "swa_q_lora_rank": 36,
        "swa_qk_nope_head_dim": 16,
        "swa_v_head_dim": 12,
    },
    # Two of four layers read the keys and values of the two before; each list has one entry per layer.
    "gemma3n_text": {
        "activation_sparsity_pattern": [0.95, 0.0, 0.95, 0.0],
        "intermediate_size": [96, 96, 96, 96],
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_hidden_layers": 4,
        "num_kv_shared_layers": 2,
    },
    # Of the settings of its full layers, newer releases say none but when they are made.
    "gemma4_text": {
        "global_head_dim": 64,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_global_key_value_heads": 1,
        "num_hidden_layers": 4,
        "num_kv_shared_layers": 2,
    },
    "gemma4_unified_text": {
        "global_head_dim": 64,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_global_key_value_heads": 1,
        "num_hidden_layers": 4,
        "num_kv_shared_layers": 2,
    },
    # Its layers all keep states unless they are told to attend.
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    # Layer kinds come as a run-length list.
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    # Its output projection takes as many features as the model has.
    "helium": {"head_dim": 16},
    # Its layers run several times in a call, each time with keys and values of their own: twice is enough.
    "hrm_text": {"H_cycles": 2, "L_cycles": 1},
    # Its layers all attend unless they are told to be convolutions; those of the one below say nothing by default.
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    # Each of its layers has two attentions, which count as layers of the cache.
    "longcat_flash": {"num_layers": NUM_LAYERS, "num_hidden_layers": 2 * NUM_LAYERS},
    # Its heads, whose size is called as attention's elsewhere, make twice the model's.
    "mamba2": {"num_heads": 4},
    # Its residual factors are numbers without a point, and all the same.
    "minimax": {
        "full_attn_alpha_factor": 0.9,
        "full_attn_beta_factor": 1.2,
        "linear_attn_alpha_factor": 1.1,
        "linear_attn_beta_factor": 0.7,
        "mlp_alpha_factor": 1.3,
        "mlp_beta_factor": 0.8,
    },
    # Each of its layers is one thing: it keeps a state, attends, or keeps nothing.
    "nemotron_h": {
        "layers_block_type": ["mamba", "moe", "attention", "mlp"],
        "moe_shared_expert_intermediate_size": 56,
    },
    # The second of its layers attends; its recurrences have a width of their own.
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "lru_width": 80},
    # It has an adapter for each language; texts are in one of them, and not in the first.
    "xmod": {"default_language": "de_DE", "languages": ["en_XX", "de_DE", "fr_XX"], "pad_token_id": 1},
    # The layers that also attend share one attention: the second of them has none of its own.
    # Its code computes one head of a recurrence after the other, so its graph grows with their number.
    "zamba": {
        "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"],
        "n_mamba_heads": 2,
        "num_hidden_layers": 4,
    },
    # This one's attention rotates nothing unless it is told to.
    "zamba2": {
        "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"],
        "num_hidden_layers": 4,
        "use_mem_rope": True,
    },
    # It has one expert for a token, or none; and two convolutions in a row, of one size by default.
    "zaya": {"cca_time0": 3, "num_experts_per_tok": 1, "router_hidden_size": 24},
}

# Tiny models' scores are small: a cap far above them would be the identity, and a lost one would go unnoticed.
_CAPS = {"attn_logit_softcapping": 2.0}

_MULTIPLIER = re.compile(r"(?:_|\b)(?:multipliers?|scale|scaling|scaling_factor)$")


def tiny_sizes(config_class: type[Any], default: Any) -> dict[str, Any]:
    """What to call `config_class` with to get its smallest useful configuration, in the family's own names.

    Args:
        config_class: a family's configuration class.
        default: an instance made without arguments.
    """
    default = with_readable_sizes(default)
    attribute_map = getattr(config_class, "attribute_map", {})
    sizes = _CANONICAL | _FURTHER | _EXPERTS | _STATES | _layer_kinds(default) | _multipliers(default) | _rope(default)
    if hasattr(default, "kv_lora_rank"):
        sizes |= _LATENT
    sizes |= {name: cap for name, cap in _CAPS.items() if getattr(default, name, None) is not None}
    named = {attribute_map.get(name, name): value for name, value in sizes.items()}
    chosen = {
        name: value for name, value in named.items() if hasattr(default, name) and not is_computed(config_class, name)
    }
    return copy.deepcopy(chosen | _special_tokens(config_class) | _exceptions(default))


def is_computed(config_class: type[Any], name: str) -> bool:
    """Whether an attribute follows from others and cannot be given."""
    member = getattr(config_class, name, None)
    return isinstance(member, property) and member.fset is None


def _exceptions(default: Any) -> dict[str, Any]:
    """The model type's row, without what a configuration of this release does not know and would refuse."""
    row = dict(EXCEPTIONS.get(default.model_type, {}))
    for name, value in row.items():
        nested = getattr(default, name, None)
        if isinstance(value, dict) and not isinstance(nested, dict | None):
            row[name] = {key: size for key, size in value.items() if _takes(type(nested), key, size)}
        if isinstance(value, list) and all(isinstance(kind, str) for kind in value):
            row[name] = _of_known_kinds(type(default), name, value)
    return row


def _of_known_kinds(config_class: type[Any], name: str, kinds: list[Any]) -> list[Any]:
    """The layers of a model, without those of the one kind that a release's configuration does not know."""
    if _takes(config_class, name, kinds):
        return kinds
    without = ([kind for kind in kinds if kind != unknown] for unknown in dict.fromkeys(kinds))
    return next((rest for rest in without if rest and _takes(config_class, name, rest)), kinds)


def _takes(config_class: type[Any], name: str, value: Any) -> bool:
    try:
        config_class(**{name: value})
    except Exception:  # each family validates its configuration with exceptions of its own
        return False
    return True


def _special_tokens(config_class: type[Any]) -> dict[str, int | None]:
    """No special tokens, so that every token is drawn alike; token 0 where a family insists on one."""
    tokens: dict[str, int | None] = {}
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        tokens[name] = None if _takes(config_class, name, None) else 0
    return tokens


def _layer_kinds(default: Any) -> dict[str, Any]:
    """One layer of each kind the family's layers are made of by default."""
    kinds: dict[str, Any] = {}
    for name in ("layer_types", "no_rope_layers"):
        of_layers = getattr(default, name, None)
        if of_layers:
            distinct = list(dict.fromkeys(of_layers))
            kinds[name] = (distinct * NUM_LAYERS)[:NUM_LAYERS]
    return kinds


def _multipliers(default: Any) -> dict[str, Any]:
    """Factors that are 1 by default, at another value: 1 hides a lost multiplication. Those of a list differ."""
    found: dict[str, Any] = {}
    for name, value in vars(default).items():
        if not _MULTIPLIER.search(name):
            continue
        if type(value) is float and value == 1.0:
            found[name] = 0.75
        elif isinstance(value, list | tuple) and value and all(each == 1.0 for each in value):
            found[name] = [0.75 + 0.05 * index for index in range(len(value))]
    return found


def _rope(default: Any) -> dict[str, Any]:
    """The default rotary settings, with positions of the tiny scenarios beyond the original maximum."""
    found = rope_settings(default)
    if found is None:
        return {}
    original = "original_max_position_embeddings"
    shrunk = copy.deepcopy(found.values)
    for settings in (shrunk, *(value for value in shrunk.values() if isinstance(value, dict))):
        if original in settings:
            settings[original] = ORIGINAL_MAX_POSITIONS
        if "max_position_embeddings" in settings:
            settings["max_position_embeddings"] = MAX_POSITIONS
    return {found.name: shrunk} if shrunk != found.values else {}
