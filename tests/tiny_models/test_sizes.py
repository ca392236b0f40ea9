"""Sizes follow from a configuration class's attributes, and every exception is still one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from qeff_codegen.tiny_models.configurations import _ALONG, build_config, variants
from qeff_codegen.tiny_models.families import Family, find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.tiny_models.sizes import (
    EXCEPTIONS,
    MAX_POSITIONS,
    NUM_LAYERS,
    ORIGINAL_MAX_POSITIONS,
    tiny_sizes,
)
from qeff_codegen.upstream.find import causal_lm_families


def configuration(**attributes: Any) -> type[Any]:
    """A configuration class with these defaults."""

    class Configuration:
        model_type = "plum"
        attribute_map = {"num_hidden_layers": "n_layer"}

        def __init__(self, **given: Any) -> None:
            for name, value in (copy.deepcopy(attributes) | given).items():
                setattr(self, name, value)

    return Configuration


def sizes(config_class: type[Any], *without: str) -> dict[str, Any]:
    """What is chosen, but for the special tokens."""
    found = tiny_sizes(config_class, config_class())
    return {name: value for name, value in found.items() if not name.endswith("_token_id") and name not in without}


def test_a_cap_that_is_on_is_low_enough_to_be_seen() -> None:
    assert sizes(configuration(attn_logit_softcapping=50.0)) == {"attn_logit_softcapping": 2.0}
    assert sizes(configuration(attn_logit_softcapping=None)) == {}


def test_only_what_a_family_has_is_set_under_its_own_name() -> None:
    assert sizes(configuration(hidden_size=4096, n_layer=32, colour="red")) == {
        "hidden_size": 64,
        "n_layer": NUM_LAYERS,
    }


def test_what_is_computed_cannot_be_set() -> None:
    config_class = configuration(hidden_size=4096)
    config_class.head_dim = property(lambda self: 7)
    assert sizes(config_class) == {"hidden_size": 64}


def test_there_are_no_special_tokens_but_where_a_family_insists() -> None:
    class Insists(configuration()):  # type: ignore[misc]
        def __init__(self, pad_token_id: int = 9, **given: Any) -> None:
            if pad_token_id is None:
                raise ValueError("needs one")

    found = tiny_sizes(Insists, Insists())
    assert found == {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": None}


@pytest.mark.parametrize(
    ("default", "tiny"),
    [
        (["a", "a", "a", "b"], ["a", "b"]),
        (["b", "a", "c"], ["b", "a"]),
        (["a"] * 9, ["a", "a"]),
        (None, None),
    ],
)
def test_there_is_a_layer_of_each_kind(default: list[str] | None, tiny: list[str] | None) -> None:
    assert sizes(configuration(layer_types=default)).get("layer_types") == tiny


def test_factors_in_a_list_differ() -> None:
    found = sizes(configuration(ssm_multipliers=[1.0, 1.0, 1.0], mlp_multipliers=[1.0, 2.0]))
    assert found == {"ssm_multipliers": [0.75, 0.8, 0.85]}


WITH_STATES = {
    **dict.fromkeys(
        ("lfm2", "lfm2_moe", "lfm3", "bamba", "granitemoehybrid", "falcon_h1", "jamba", "nemotron_h"), True
    ),
    **dict.fromkeys(("qwen3_next", "olmo_hybrid", "kimi_linear", "zamba2"), True),
    **dict.fromkeys(("minimax", "recurrent_gemma", "zaya"), True),
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba"), False),
}


@pytest.mark.parametrize("name", WITH_STATES)
def test_layers_with_states_and_with_attention_occur(name: str) -> None:
    family = find_family(name)
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    kinds = {
        type(module).__name__.removeprefix(type(model).__name__.removesuffix("ForCausalLM"))
        for module in model.modules()
    }
    mixers = {"ShortConv", "Mixer", "MambaLayer", "MambaMixer", "Mamba2Mixer", "GatedDeltaNet", "DeltaAttention"}
    mixers |= {"LightningAttention", "RecurrentBlock", "CCAProjection"}
    assert kinds & mixers
    assert ("Attention" in kinds) == WITH_STATES[name]
    assert [variant.kind for variant in variants(family)][:2] == ["base", "states"]


def test_factors_of_one_become_factors_that_show() -> None:
    found = sizes(configuration(embedding_multiplier=1.0, logit_scale=1.0, scale_up=1.0, router_scale=2.5, scale=1))
    assert found == {"embedding_multiplier": 0.75, "logit_scale": 0.75}


def test_rotary_settings_are_shrunk_and_otherwise_as_they_are() -> None:
    original = {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}
    found = sizes(configuration(rope_parameters={"full": original, "theta": 1e4}))["rope_parameters"]
    assert found == {"full": original | {"original_max_position_embeddings": ORIGINAL_MAX_POSITIONS}, "theta": 1e4}
    longest = configuration(rope_parameters={"rope_type": "dynamic", "max_position_embeddings": 9999})
    assert sizes(longest)["rope_parameters"] == {"rope_type": "dynamic", "max_position_embeddings": MAX_POSITIONS}
    assert sizes(configuration(rope_parameters={"rope_type": "default"})) == {}


def test_latent_attention_has_sizes_of_its_own() -> None:
    plain, latent = configuration(head_dim=128), configuration(head_dim=128, kv_lora_rank=512, v_head_dim=128)
    assert sizes(plain) == {"head_dim": 32}
    assert sizes(latent) == {"head_dim": 8, "kv_lora_rank": 24, "v_head_dim": 20}


def test_sizes_are_the_callers_own() -> None:
    config_class = configuration(moe_layers=[0])
    sizes(config_class)["moe_layers"].append(7)
    assert sizes(config_class) == {"moe_layers": [1]}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_names_a_family_and_says_what_would_not_be_chosen_anyway(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name in causal_lm_families()
    family = find_family(name)
    row = EXCEPTIONS[name]
    chosen = tiny_sizes(family.config_class, family.config_class())
    assert chosen.items() >= row.items()
    monkeypatch.delitem(EXCEPTIONS, name)
    otherwise = tiny_sizes(family.config_class, family.config_class())
    assert [key for key, value in row.items() if otherwise.get(key, "nothing") == value] == []


def fails(family: Family) -> bool:
    """Whether upstream makes no model of the base variant, or one that does not run."""
    try:
        base = variants(family)[0]
        model = build_tiny_model(family.causal_lm_class, build_config(family, base), seed=0)
        with torch.no_grad():
            model(input_ids=torch.arange(8)[None], use_cache=False)
    except Exception:
        return True
    return False


def shares_no_keys(family: Family) -> bool:
    return "num_kv_shared_layers=0" not in [variant.name for variant in variants(family)]


def has_other_layers(family: Family) -> bool:
    return build_config(family, variants(family)[0]).num_layers != NUM_LAYERS


def lacks_a_kind(family: Family) -> bool:
    """Whether no layer keeps states, or none attends."""
    config = build_config(family, variants(family)[0])
    keeps_states = any(hasattr(layer, "recurrent_states") for layer in DynamicCache(config=config).layers)
    modules = build_tiny_model(family.causal_lm_class, config, seed=0).modules()
    return not keeps_states or not any(type(module).__name__.endswith("Attention") for module in modules)


def attends_once(family: Family) -> bool:
    return build_config(family, variants(family)[0]).layers_block_type.count("hybrid") < 2


def adds_alike(family: Family) -> bool:
    """Whether a lost factor of the residuals would not be noticed."""
    config = build_config(family, variants(family)[0])
    return config.linear_attn_alpha_factor == config.linear_attn_beta_factor == config.mlp_beta_factor


def loops_over_none(family: Family) -> bool:
    """Whether no layer stands between the first and the last ones, to run several times."""
    return build_config(family, variants(family)[0]).n_recurrent_layers < 1


def is_large(family: Family) -> bool:
    """Whether some layer has other sizes than those that are chosen."""
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    return sum(weight.numel() for weight in model.parameters()) > 1_000_000


def runs_many(family: Family) -> bool:
    """Whether its layers run so often that a tiny model is no small one."""
    return build_config(family, variants(family)[0]).num_hidden_layers > 8


# What is wrong without the row, where it is not that upstream fails.
WITHOUT = {
    **dict.fromkeys(("gemma4_text", "gemma4_unified_text"), shares_no_keys),
    **dict.fromkeys(("granitemoehybrid", "lfm2", "nemotron_h", "recurrent_gemma"), lacks_a_kind),
    "dory": loops_over_none,
    "dots3_note_text": is_large,
    "hrm_text": runs_many,
    "longcat_flash": has_other_layers,
    "minimax": adds_alike,
    "zamba2": attends_once,
}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_is_still_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family, is_wrong = find_family(name), WITHOUT.get(name, fails)
    assert not is_wrong(family)
    monkeypatch.delitem(EXCEPTIONS, name)
    assert is_wrong(family)


@pytest.mark.parametrize(("name", "switch"), _ALONG)
def test_what_a_switch_needs_along_belongs_to_a_variant(name: str, switch: str) -> None:
    found = [variant for variant in variants(find_family(name)) if variant.name.split("=")[0] == switch]
    assert [variant.overrides.items() >= _ALONG[name, switch].items() for variant in found] == [True]
