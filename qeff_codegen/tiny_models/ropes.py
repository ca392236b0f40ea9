"""Rotary settings of the tiny variants: every scaling type that a family's configuration class accepts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from qeff_codegen.tiny_models.release_differences import rope_settings, with_readable_sizes
from qeff_codegen.tiny_models.sizes import ORIGINAL_MAX_POSITIONS

_SCALINGS: dict[str, dict[str, Any]] = {
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
# What belongs to a scaling type. Anything else in a family's default settings is the family's own and stays.
_OF_SCALING = frozenset(
    {
        *("attention_factor", "beta_fast", "beta_slow", "factor", "high_freq_factor", "long_factor"),
        *("low_freq_factor", "max_position_embeddings", "mscale", "mscale_all_dim", "rope_type"),
        *("short_factor", "truncate", "type"),
    }
)
# Some families scale attention along with LongRoPE, by one factor for each of its tables.
_MSCALES = {"short_mscale": 1.1, "long_mscale": 1.2}


def scaled_ropes(config_class: type[Any], base: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each scaling type with the overrides that choose it.

    A type that the configuration class refuses is not one of the family's.

    Args:
        config_class: a family's configuration class.
        base: what it is called with for the base variant.
    """
    config = with_readable_sizes(config_class(**copy.deepcopy(base)))
    settings = rope_settings(config)
    if settings is None:
        return
    of_layer_kinds = settings.by_layer_kind
    # A kind of layers whose settings have a type of their own by default keeps it.
    plain_kinds = {kind: value for kind, value in of_layer_kinds.items() if value["rope_type"] == "default"}
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for scaling in _SCALINGS:
        # LongRoPE has one length at which it changes tables, in a place that only uniform settings have.
        if scaling == "longrope" and of_layer_kinds:
            continue
        for extra in ({}, _MSCALES) if scaling == "longrope" else ({},):
            if of_layer_kinds:
                scaled = {kind: _scaled(value, scaling, head_dim) for kind, value in plain_kinds.items()}
                rope = settings.values | scaled
            else:
                rope = _scaled(settings.values, scaling, head_dim) | extra
            overrides: dict[str, Any] = {settings.name: rope}
            beside = scaling == "longrope" and settings.original_maximum_is_an_attribute
            if beside or hasattr(config, "original_max_position_embeddings"):
                overrides["original_max_position_embeddings"] = ORIGINAL_MAX_POSITIONS
            if accepts(config_class, base | overrides):
                yield scaling, overrides
                break


def accepts(config_class: type[Any], overrides: dict[str, Any]) -> bool:
    """Whether a configuration class can be called with `overrides`."""
    try:
        config_class(**copy.deepcopy(overrides))
    except Exception:  # each family validates its configuration with exceptions of its own
        return False
    return True


def _scaled(parameters: dict[str, Any], scaling: str, head_dim: int) -> dict[str, Any]:
    own = {name: value for name, value in parameters.items() if name not in _OF_SCALING}
    rope = {"rope_type": scaling} | own | _SCALINGS[scaling]
    if scaling == "longrope":
        # Short and long tables must differ from each other and from unscaled RoPE at every frequency.
        frequencies = int(head_dim * own.get("partial_rotary_factor", 1.0)) // 2
        rope["short_factor"] = [1.1 + 0.05 * i for i in range(frequencies)]
        rope["long_factor"] = [2.0 + 0.25 * i for i in range(frequencies)]
    return rope
