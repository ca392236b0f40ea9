"""What releases call differently is asked of classes, here of small ones in the idiom of each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qeff_codegen.tiny_models import release_differences
from qeff_codegen.tiny_models.configurations import _switches
from qeff_codegen.tiny_models.release_differences import (
    RopeSettings,
    cache_argument,
    every_rope_setting,
    rope_settings,
    states_go_on,
    with_readable_sizes,
)
from qeff_codegen.tiny_models.ropes import scaled_ropes
from qeff_codegen.tiny_models.sizes import EXCEPTIONS, ORIGINAL_MAX_POSITIONS, tiny_sizes
from qeff_codegen.validation.reference import call_split_matters

PLAIN = {"rope_type": "default", "rope_theta": 1e4}
YARN = {"rope_type": "yarn", "factor": 2.0}
BY_KIND = {"full_attention": YARN, "sliding_attention": PLAIN}


class OlderConfig:
    """4.x: the base is an attribute, and so is everything that scales it. It takes whatever it is given."""

    hidden_size, num_attention_heads, model_type = 64, 4, "plum"

    def __init__(self, rope_scaling: dict[str, Any] | None = None, **given: Any) -> None:
        self.rope_theta = 1e4
        self.rope_scaling = rope_scaling
        self.__dict__.update(given)


class UnreadableConfig:
    """5.24, where the layers have sizes of their own."""

    model_type = "pear"
    is_heterogeneous = True
    allow_global_per_layer_attribute_access = False

    @property
    def head_dim(self) -> int:
        if not self.allow_global_per_layer_attribute_access:
            raise RuntimeError("head_dim may vary across layers")
        return 256

    @head_dim.setter
    def head_dim(self, value: int) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({}, None),
        ({"rope_parameters": None}, None),
        ({"rope_parameters": PLAIN}, RopeSettings("rope_parameters", PLAIN)),
        ({"rope_parameters": PLAIN, "rope_scaling": YARN}, RopeSettings("rope_parameters", PLAIN)),
        ({"rope_parameters": None, "rope_scaling": YARN}, None),
        ({"rope_scaling": YARN}, RopeSettings("rope_scaling", YARN)),
        ({"rope_scaling": None}, RopeSettings("rope_scaling", {"rope_type": "default"})),
    ],
)
def test_rotary_settings(attributes: dict[str, Any], found: RopeSettings | None) -> None:
    assert rope_settings(SimpleNamespace(**attributes)) == found


def test_settings_by_kind_of_layers() -> None:
    config = SimpleNamespace(rope_parameters=BY_KIND)
    assert list(every_rope_setting(config)) == [BY_KIND, YARN, PLAIN]
    assert list(every_rope_setting(SimpleNamespace())) == []


@pytest.mark.parametrize("name", ["rope_parameters", "rope_scaling"])
def test_longrope_is_found_in_either(name: str) -> None:
    assert call_split_matters(SimpleNamespace(**{name: {"rope_type": "longrope"}}))
    assert not call_split_matters(SimpleNamespace(**{name: YARN}))


def test_older_configurations_are_given_what_they_read() -> None:
    found = dict(scaled_ropes(OlderConfig, {}))
    assert list(found) == ["linear", "dynamic", "yarn", "llama3", "longrope"]
    assert found["linear"] == {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    # Where the length stands at which LongRoPE changes its tables; the other types look for it among the settings.
    assert found["longrope"]["original_max_position_embeddings"] == ORIGINAL_MAX_POSITIONS
    assert list(found["yarn"]) == ["rope_scaling"]
    scaled = OlderConfig(rope_scaling=YARN | {"original_max_position_embeddings": 4096})
    shrunk = YARN | {"original_max_position_embeddings": ORIGINAL_MAX_POSITIONS}
    assert tiny_sizes(OlderConfig, scaled)["rope_scaling"] == shrunk
    assert "rope_scaling" not in tiny_sizes(OlderConfig, OlderConfig())


def test_sizes_by_layer_can_be_read() -> None:
    assert with_readable_sizes(UnreadableConfig()).head_dim == 256
    assert tiny_sizes(UnreadableConfig, UnreadableConfig())["head_dim"] == 32
    plain = SimpleNamespace()
    assert with_readable_sizes(plain) is plain
    assert vars(plain) == {}


def test_a_nested_configuration_gets_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nested:
        def __init__(self, experts: int = 64) -> None: ...

    monkeypatch.setitem(EXCEPTIONS, "plum", {"experts_config": {"experts": 8, "hidden_size": 64}, "other": {"a": 1}})
    found = tiny_sizes(OlderConfig, OlderConfig(experts_config=Nested(), other=None))
    assert (found["experts_config"], found["other"]) == ({"experts": 8}, {"a": 1})


def test_a_kind_of_layer_that_a_release_does_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hybrid(OlderConfig):
        kinds: tuple[str, ...] = ("mamba", "moe")

        def __init__(self, block_types: list[str] | None = None, **given: Any) -> None:
            super().__init__(**given)
            self.block_types = block_types or ["mamba"]
            if not set(self.block_types) <= set(self.kinds):
                raise ValueError("of a kind that is not known")

    class Newer(Hybrid):
        kinds = ("mamba", "moe", "mlp")

    monkeypatch.setitem(EXCEPTIONS, "plum", {"block_types": ["mamba", "mlp", "moe"], "pairs": [["a"], 1]})
    assert tiny_sizes(Hybrid, Hybrid())["block_types"] == ["mamba", "moe"]
    assert tiny_sizes(Newer, Newer())["block_types"] == ["mamba", "mlp", "moe"]
    assert tiny_sizes(Hybrid, Hybrid())["pairs"] == [["a"], 1]


def test_what_is_computed_is_no_switch() -> None:
    class Computes:
        use_bias = True

        @property
        def use_return_dict(self) -> bool:
            return True

    assert _switches(Computes(), {}, "config.use_bias or config.use_return_dict") == {"use_bias": False}


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_the_cache_is_called_as_the_model_calls_it(name: str) -> None:
    def older(input_ids: Any, past_key_values: Any = None, **kwargs: Any) -> None: ...
    def newer(input_ids: Any, cache: Any = None, **kwargs: Any) -> None: ...

    forward = {"cache": newer, "past_key_values": older}[name]
    assert cache_argument(SimpleNamespace(forward=forward)) == name


def test_states_go_on_where_a_cache_gives_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Older: ...

    class Newer:
        def get_recurrent_state(self) -> None: ...

    for cache, goes_on in ((Older, False), (Newer, True)):
        monkeypatch.setattr(release_differences, "DynamicCache", cache)
        assert states_go_on() is goes_on
