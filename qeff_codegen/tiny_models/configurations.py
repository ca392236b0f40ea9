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

from qeff_codegen.tiny_models.families import Family
from qeff_codegen.tiny_models.models import keeps_states
from qeff_codegen.tiny_models.release_differences import with_readable_sizes
from qeff_codegen.tiny_models.ropes import accepts, scaled_ropes
from qeff_codegen.tiny_models.sizes import SLIDING_WINDOW, is_computed, tiny_sizes

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
        "use_bidirectional_attention",
        "use_cache",
        "use_sliding_window",
        # Which of several programs computes a scan, all of them the same.
        "use_associative_scan",
        "use_mamba_kernels",
        "use_mambapy",
    }
)
# Settings that are no booleans and still switch a part of the arithmetic on or off.
_OTHER_VALUES: dict[str, Any] = {
    "attn_logit_softcapping": 2.0,
    "clip_qkv": 0.5,
    "final_logit_softcapping": 5.0,
    "num_kv_shared_layers": 0,
    "q_lora_rank": None,
}
# What a model type needs along with a switch or a kind of rotation, and why.
_ALONG: dict[tuple[str, str], dict[str, Any]] = {
    # Without shared keys and values every head has its own; upstream does not look at their number.
    ("falcon", "multi_query"): {"num_kv_heads": 4},
    # An adapter adds to the keys and values of as many heads as queries have; with fewer, upstream itself fails.
    ("zamba2", "use_shared_attention_adapter"): {"num_key_value_heads": 4},
    # Upstream's cache is the reference there, and its text for one token does not clamp steps as the other one does.
    ("zamba2", "rope longrope"): {"time_step_min": 1e-30},
}


@dataclass(frozen=True)
class Variant:
    """One configuration of a family worth proving.

    Attributes:
        name: short, for the report: `base`, `window`, `rope yarn`, `attention_bias=True`.
        kind: which scenarios apply: `base`, `states`, `window`, `rope` or `flag`.
        overrides: what the configuration class is called with, in the family's own names.
    """

    name: str
    kind: str
    overrides: dict[str, Any]


def variants(family: Family) -> tuple[Variant, ...]:
    """All variants of `family`, base first, in a fixed order."""
    default = with_readable_sizes(family.config_class())
    base = tiny_sizes(family.config_class, default)
    source = _source(family, base)
    found = [Variant("base", "base", base)]
    with_states = keeps_states(family.config_class(**copy.deepcopy(base)))
    if with_states:
        found.append(Variant("states", "states", base))
    for name, extra in _windows(default, base, source if with_states else None):
        # Some know kinds of layers, and a window, but no kind that has it.
        if accepts(family.config_class, base | extra) and _is_built(family, base | extra):
            found.append(Variant(name, "window", base | extra))
    for kind, extra in scaled_ropes(family.config_class, base):
        overrides = base | extra | _ALONG.get((default.model_type, f"rope {kind}"), {})
        if _is_built(family, overrides):
            found.append(Variant(f"rope {kind}", "rope", overrides))
    found += [Variant(name, "flag", base | extra) for name, extra in _uneven_heads(family, default)]
    # Since 5.0 only those configuration classes have the setting that define it.
    tied = getattr(default, "tie_word_embeddings", None)
    switches = ({} if tied is None else {"tie_word_embeddings": not tied}) | _switches(default, base, source)
    for name, value in switches.items():
        overrides = base | {name: value} | _ALONG.get((default.model_type, name), {})
        if accepts(family.config_class, overrides) and _is_built(family, overrides):
            found.append(Variant(f"{name}={value}", "flag", overrides))
    return tuple(found)


def _switches(default: Any, base: dict[str, Any], source: str) -> dict[str, Any]:
    """Settings that `source` reads, each with a value that turns off what is on by default, or on what is off."""
    read = set(re.findall(r"\bconfig\.(\w+)", source))
    can_be_given = {name for name in read - _NOT_ARITHMETIC if not is_computed(type(default), name)}
    flags = sorted(name for name in can_be_given if isinstance(getattr(default, name, None), bool))
    switches: dict[str, Any] = {flag: not base.get(flag, getattr(default, flag)) for flag in flags}
    for name, value in _OTHER_VALUES.items():
        # Where None is not asked for, it means nothing.
        possible = value is not None or re.search(rf"\b{name} is (not )?None", source)
        if name in read and possible and hasattr(default, name):
            if _is_on(base.get(name, getattr(default, name))) != _is_on(value):
                switches[name] = value
    return switches


def build_config(family: Family, variant: Variant) -> Any:
    """The variant's configuration, with eager attention (the arithmetic the generated code keeps)."""
    # Configuration classes fill in the dictionaries they are given.
    config = family.config_class(**copy.deepcopy(variant.overrides))
    config._attn_implementation = "eager"
    return config


def _is_on(value: Any) -> bool:
    return value not in (None, 0, False)


# How configurations name the number of tokens a layer sees back, and the kind of the layers that do.
_WINDOWS = {
    "attention_chunk_size": "chunked_attention",
    "sliding_window": "sliding_attention",
    "window_size": None,
}


# Model types with a window that no mask has: generated code refuses one that is shorter than the positions.
_WINDOW_OF_CACHE = {"moshi"}


def _windows(default: Any, base: dict[str, Any], source: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Windowed variants: alternating layer types where layers have types, else one window for all layers.

    Args:
        source: the text of a model that keeps states; where it knows no kind of layer with a window, all that attend
            have the same. None for other models.
    """
    for name, kind in _WINDOWS.items():
        if not hasattr(default, name) or default.model_type in _WINDOW_OF_CACHE:
            continue
        window: dict[str, Any] = {name: SLIDING_WINDOW}
        if hasattr(default, "use_sliding_window"):
            window["use_sliding_window"] = True
        if kind is None or not _can_be_given("layer_types", default) or _is_of_all(kind, source):
            yield "window", window
            continue
        full, short = "full_attention", kind.removesuffix("_attention")
        if "hybrid" in (default.layer_types or ()):
            # Layers that keep a state and attend, all of them.
            full, kind = "hybrid", "hybrid_sliding"
        repeats = len(base.get("layer_types", (0, 0))) // 2
        yield f"window, {short}+full", window | {"layer_types": [kind, full] * repeats}
        yield f"window, full+{short}", window | {"layer_types": [full, kind] * repeats}


def _can_be_given(name: str, default: Any) -> bool:
    """Whether a configuration has an attribute, in the family's own name, that does not follow from others."""
    own = getattr(type(default), "attribute_map", {}).get(name, name)
    return hasattr(default, name) and not is_computed(type(default), own)


def _is_of_all(kind: str, source: str | None) -> bool:
    """Whether layers of all kinds have the window, since none is told apart by it."""
    return source is not None and not any(f'"{name}"' in source for name in (kind, "hybrid_sliding"))


def _uneven_heads(family: Family, default: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Heads that are no power of two, where ALiBi makes slopes for them in another way than for the others."""
    if "math.log2(" not in inspect.getsource(family.modeling):
        return
    names = getattr(family.config_class, "attribute_map", {})
    heads = {names.get(name, name): value for name, value in {"hidden_size": 96, "num_attention_heads": 6}.items()}
    switched_on = {"alibi": True} if hasattr(default, "alibi") else {}
    yield "6 heads with ALiBi", heads | switched_on


def _is_built(family: Family, overrides: dict[str, Any]) -> bool:
    """Whether upstream makes a model of these settings; some that a configuration accepts, its model does not."""
    try:
        without_weights(family, overrides)
    except Exception:  # upstream's code may raise anything
        return False
    return True


def without_weights(family: Family, overrides: dict[str, Any]) -> Any:
    """The family's model of these settings, on torch's meta device."""
    with torch.device("meta"):
        return family.causal_lm_class(family.config_class(**copy.deepcopy(overrides)))


def _source(family: Family, base: dict[str, Any]) -> str:
    """The text of the causal LM's own classes."""
    model = without_weights(family, base)
    own = {type(module) for module in model.modules() if type(module).__module__ == family.modeling.__name__}
    return "".join(sorted(inspect.getsource(cls) for cls in own))
