"""Rotary variants are the scaling types that a configuration class takes, with what is the family's own kept."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from qeff_codegen.tiny_models.ropes import accepts, scaled_ropes
from qeff_codegen.tiny_models.sizes import ORIGINAL_MAX_POSITIONS

DEFAULT = {"rope_type": "default", "rope_theta": 500.0}
TYPES = ["linear", "dynamic", "yarn", "llama3", "longrope"]


def configuration(*accepted: str, rope: Any = DEFAULT, needs: str = "", **attributes: Any) -> type[Any]:
    """A configuration class that takes these scaling types, and `needs` one setting for the last of them."""

    class Configuration:
        def __init__(self, rope_parameters: Any = None, **given: Any) -> None:
            self.hidden_size, self.num_attention_heads = 64, 4
            for name, value in (attributes | given).items():
                setattr(self, name, value)
            self.rope_parameters = copy.deepcopy(rope) if rope_parameters is None else rope_parameters
            settings = [self.rope_parameters] if isinstance(self.rope_parameters, dict) else []
            settings += [value for value in settings[0].values() if isinstance(value, dict)] if settings else []
            for value in settings:
                kind = value.get("rope_type", "default")
                if kind not in ("default", *accepted):
                    raise ValueError(kind)
                if needs and kind == accepted[-1] and needs not in value:
                    raise KeyError(needs)

    return Configuration


def ropes(config_class: type[Any]) -> dict[str, dict[str, Any]]:
    return dict(scaled_ropes(config_class, {}))


def test_types_that_are_refused_are_not_the_familys() -> None:
    assert list(ropes(configuration(*TYPES))) == TYPES
    assert list(ropes(configuration("yarn", "linear"))) == ["linear", "yarn"]
    assert ropes(configuration()) == {}


def test_a_family_without_rotary_settings_has_none() -> None:
    assert ropes(configuration(*TYPES, rope=17)) == {}


def test_the_familys_own_settings_stay_and_those_of_its_scaling_go() -> None:
    own = {"rope_type": "yarn", "rope_theta": 7.0, "factor": 32.0, "beta_fast": 3.0, "partial_rotary_factor": 0.5}
    found = ropes(configuration("yarn", "linear", rope=own))
    assert found["linear"] == {
        "rope_parameters": {"rope_type": "linear", "rope_theta": 7.0, "partial_rotary_factor": 0.5, "factor": 4.0}
    }
    yarn = found["yarn"]["rope_parameters"]
    assert (yarn["factor"], yarn["original_max_position_embeddings"]) == (8.0, ORIGINAL_MAX_POSITIONS)
    assert "beta_fast" not in yarn


@pytest.mark.parametrize(
    ("attributes", "rope", "frequencies"),
    [
        ({}, DEFAULT, 8),
        ({"head_dim": 32}, DEFAULT, 16),
        ({"head_dim": 32}, DEFAULT | {"partial_rotary_factor": 0.25}, 4),
        ({"head_dim": None}, DEFAULT, 8),
    ],
)
def test_longrope_has_a_factor_for_every_frequency_and_all_differ(
    attributes: dict[str, Any], rope: dict[str, Any], frequencies: int
) -> None:
    found = ropes(configuration("longrope", rope=rope, **attributes))["longrope"]["rope_parameters"]
    short, long = found["short_factor"], found["long_factor"]
    assert (len(short), len(long)) == (frequencies, frequencies)
    assert len({1.0, *short, *long}) == 2 * frequencies + 1
    assert "short_mscale" not in found


def test_factors_for_both_tables_are_given_where_they_are_asked_for() -> None:
    found = ropes(configuration("linear", "longrope", needs="long_mscale"))
    assert list(found) == ["linear", "longrope"]
    assert found["longrope"]["rope_parameters"]["long_mscale"] != found["longrope"]["rope_parameters"]["short_mscale"]
    assert "short_mscale" not in found["linear"]["rope_parameters"]


def test_the_original_maximum_is_also_set_where_a_family_reads_it() -> None:
    found = ropes(configuration("linear", original_max_position_embeddings=4096))
    assert found["linear"]["original_max_position_embeddings"] == ORIGINAL_MAX_POSITIONS
    assert "original_max_position_embeddings" not in ropes(configuration("linear"))["linear"]


def test_of_kinds_of_layers_those_with_plain_settings_are_scaled() -> None:
    kinds = {"full_attention": DEFAULT, "sliding_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 3.0}}
    found = ropes(configuration(*TYPES, rope=kinds))
    # One length at which tables change has no place here.
    assert list(found) == TYPES[:-1]
    assert found["yarn"]["rope_parameters"]["full_attention"]["rope_type"] == "yarn"
    assert found["yarn"]["rope_parameters"]["full_attention"]["rope_theta"] == 500.0
    assert found["yarn"]["rope_parameters"]["sliding_attention"] == kinds["sliding_attention"]


def test_what_is_given_is_left_as_it_is() -> None:
    def spoil(rope_parameters: dict[str, Any]) -> None:
        rope_parameters.clear()

    given = {"rope_parameters": dict(DEFAULT)}
    assert accepts(spoil, given)  # type: ignore[arg-type]
    assert given == {"rope_parameters": DEFAULT}
    base = {"rope_parameters": dict(DEFAULT)}
    list(scaled_ropes(configuration(*TYPES), base))
    assert base == {"rope_parameters": DEFAULT}
