"""Tiny configurations of a family, made from what its own configuration class has.

No model is named here. A *variant* exists when the configuration class has the attribute it is about: a
family with `rope_parameters` gets one variant per RoPE type, one with `sliding_window` gets a window smaller
than every context, and each boolean the modeling code reads is flipped once.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from qeff_codegen.validation.families import Family

# Every context of the tiny scenarios is shorter than this; "dynamic" NTK scaling therefore never starts, which is
# what an export with fixed tables can promise.
MAX_POSITIONS = 128
# Prompts and decoding of the RoPE scenario cross this position.
ORIGINAL_MAX_POSITIONS = 16
SLIDING_WINDOW = 6

# Canonical transformers names; `attribute_map` says what a family calls them. Heads are wider than
# hidden_size / heads (where a family allows it) and K/V heads are fewer, so that mixed-up sizes cannot pass.
_SIZES: dict[str, Any] = {
    "vocab_size": 160,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": MAX_POSITIONS,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}

# Booleans the modeling code may read that do not belong to a decoder's arithmetic at inference, or that have a
# variant of their own (tied embeddings, the window switch).
_NOT_ARITHMETIC = frozenset(
    {
        "add_cross_attention",
        "is_decoder",
        "is_encoder_decoder",
        "output_attentions",
        "output_hidden_states",
        "output_router_logits",
        "return_dict",
        "tie_word_embeddings",
        "use_cache",
        "use_sliding_window",
    }
)

_SCALED_ROPE: dict[str, dict[str, Any]] = {
    "linear": {"factor": 4.0},
    "dynamic": {"factor": 4.0},
    "yarn": {"factor": 8.0, "original_max_position_embeddings": ORIGINAL_MAX_POSITIONS},
    "llama3": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": ORIGINAL_MAX_POSITIONS,
    },
    "longrope": {"factor": 8.0, "original_max_position_embeddings": ORIGINAL_MAX_POSITIONS},
}


@dataclass(frozen=True)
class Variant:
    """One configuration of a family worth proving.

    Attributes:
        name: short, for the report: `base`, `window`, `rope yarn`, `attention_bias=True`.
        kind: which scenarios apply: `base`, `window`, `rope` or `flag`.
        overrides: what the configuration class is called with, in the family's own names.
    """

    name: str
    kind: str
    overrides: dict[str, Any]


def variants(family: Family) -> tuple[Variant, ...]:
    """All variants of `family`, base first, in a fixed order."""
    default = family.config_class()
    base = _shrunk(family, default)
    found = [Variant("base", "base", base)]
    found += [Variant(name, "window", base | extra) for name, extra in _windows(default)]
    found += [Variant(f"rope {kind}", "rope", base | extra) for kind, extra in _scaled_ropes(family, default, base)]
    for flag in ("tie_word_embeddings", *_flags_read(family, default, base)):
        flipped = not getattr(default, flag)
        found.append(Variant(f"{flag}={flipped}", "flag", base | {flag: flipped}))
    return tuple(found)


def build_config(family: Family, variant: Variant) -> Any:
    """The variant's configuration, with eager attention (the arithmetic the generated code keeps)."""
    # Configuration classes fill in the dictionaries they are given.
    config = family.config_class(**copy.deepcopy(variant.overrides))
    config._attn_implementation = "eager"
    return config


def _own_name(family: Family, canonical: str) -> str:
    return getattr(family.config_class, "attribute_map", {}).get(canonical, canonical)


def _shrunk(family: Family, default: Any) -> dict[str, Any]:
    named = {_own_name(family, canonical): value for canonical, value in _SIZES.items()}
    return {name: value for name, value in named.items() if hasattr(default, name)}


def _windows(default: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Windowed variants: alternating layer types where layers have types, else one window for all layers."""
    if not hasattr(default, "sliding_window"):
        return
    window: dict[str, Any] = {"sliding_window": SLIDING_WINDOW}
    if hasattr(default, "use_sliding_window"):
        window["use_sliding_window"] = True
    if hasattr(default, "layer_types"):
        yield "window, sliding+full", window | {"layer_types": ["sliding_attention", "full_attention"]}
        yield "window, full+sliding", window | {"layer_types": ["full_attention", "sliding_attention"]}
    else:
        yield "window", window


def _scaled_ropes(family: Family, default: Any, base: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """RoPE scaling types, for families whose `rope_parameters` is one dictionary for all layers.

    A type that the family's own configuration class refuses is not one of its variants.
    """
    parameters = getattr(default, "rope_parameters", None)
    if not isinstance(parameters, dict) or "rope_theta" not in parameters:
        return
    shrunk = family.config_class(**base)
    theta = {"rope_theta": float(parameters["rope_theta"])}
    partial = parameters.get("partial_rotary_factor")
    if partial is not None:
        theta["partial_rotary_factor"] = partial
    head_dim = getattr(shrunk, "head_dim", None) or shrunk.hidden_size // shrunk.num_attention_heads
    frequencies = int(head_dim * (partial or 1.0)) // 2
    for kind, scaling in _SCALED_ROPE.items():
        rope = {"rope_type": kind} | theta | scaling
        if kind == "longrope":
            # Short and long tables must differ from each other and from unscaled RoPE at every frequency.
            rope["short_factor"] = [1.1 + 0.05 * i for i in range(frequencies)]
            rope["long_factor"] = [2.0 + 0.25 * i for i in range(frequencies)]
        overrides: dict[str, Any] = {"rope_parameters": rope}
        if hasattr(default, "original_max_position_embeddings"):
            overrides["original_max_position_embeddings"] = ORIGINAL_MAX_POSITIONS
        if _accepts(family, base | overrides):
            yield kind, overrides


def _accepts(family: Family, overrides: dict[str, Any]) -> bool:
    try:
        family.config_class(**copy.deepcopy(overrides))
    except Exception:  # each family validates its configuration with exceptions of its own
        return False
    return True


def _flags_read(family: Family, default: Any, base: dict[str, Any]) -> list[str]:
    """Boolean attributes that the causal LM's own classes read from the configuration, in order of their names."""
    with torch.device("meta"):
        model = family.causal_lm_class(family.config_class(**base))
    own = {type(module) for module in model.modules() if type(module).__module__ == family.modeling.__name__}
    read = {name for cls in own for name in re.findall(r"\bconfig\.(\w+)", inspect.getsource(cls))}
    return sorted(name for name in read - _NOT_ARITHMETIC if isinstance(getattr(default, name, None), bool))
