"""Layers and what is in them may be chosen by kind: from tables, and into lists that are filled layer by layer."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.errors import Refusal
from qeff_codegen.upstream.source import UpstreamModel
from tests.rewrite_rules.example_runner import example_model

MIXER = "# TinyMixer\nUSED = True\n"
LAYERS = "self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])"
FILLED = """layers = []
        for layer_idx in range(2):
            layers.append(TinyDecoderLayer(config, layer_idx))
        self.layers = nn.ModuleList(layers)"""
BY_KIND = """layers = []
        for layer_idx in range(2):
            kind = LAYERS[config.layer_types[layer_idx]]
            layers.append(kind(config, layer_idx))
        self.layers = nn.ModuleList(layers)"""
TWO = """
class TinyConvLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.mixer = TinyMixer(config, layer_idx)

    def forward(self, {states}, attention_mask=None, past_key_values=None, **kwargs):
        return self.mixer({states}, past_key_values=past_key_values)


LAYERS = {{"full_attention": TinyDecoderLayer, "conv": TinyConvLayer}}


class TinyModel("""


def recognised(*changes: tuple[str, str]) -> Anatomy:
    source = example_model(MIXER).source
    for old, new in changes:
        assert old in source
        source = source.replace(old, new, 1)
    return recognise(read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source)))


def test_a_mixer_is_found_by_its_calls_on_the_cache() -> None:
    anatomy = recognised()
    mixer = anatomy.parts(Role.STATE_MIXER)[0]
    assert (mixer.name, mixer.called_as, mixer.cache_parameter) == ("TinyMixer", ("self.mixer",), "past_key_values")
    assert sorted(anatomy.callees(Role.DECODER_LAYER)) == ["self.mixer", "self.self_attn"]


def test_a_list_that_is_filled_holds_the_layers() -> None:
    assert [part.name for part in recognised((LAYERS, FILLED)).parts(Role.DECODER_LAYER)] == ["TinyDecoderLayer"]


def test_a_list_may_hold_layers_of_several_kinds_where_one_keeps_a_state() -> None:
    anatomy = recognised((LAYERS, BY_KIND), ("\nclass TinyModel(", TWO.format(states="hidden_states")))
    assert [part.name for part in anatomy.parts(Role.DECODER_LAYER)] == ["TinyDecoderLayer", "TinyConvLayer"]
    assert [part.name for part in anatomy.parts(Role.STATE_MIXER)] == ["TinyMixer"]


def test_layers_of_a_list_are_called_alike() -> None:
    with pytest.raises(Refusal, match="may be `TinyDecoderLayer` or `TinyConvLayer`, which take other arguments"):
        recognised((LAYERS, BY_KIND), ("\nclass TinyModel(", TWO.format(states="states")))


def test_a_state_that_no_decoder_layer_reaches_is_refused_with_its_line() -> None:
    elsewhere = "\n        self.other = TinyMixer(config, 0)"
    with pytest.raises(
        Refusal, match="`TinyMixer` keeps a state and is no module that a decoder layer or its attention calls"
    ) as caught:
        recognised(("self.mixer = TinyMixer(config, layer_idx)", "pass"), (LAYERS, LAYERS + elsewhere))
    assert caught.value.location is not None and "update_conv_state" in caught.value.location.excerpt


def test_another_state_than_the_first_is_refused_with_its_line() -> None:
    with pytest.raises(Refusal, match="`TinyMixer` keeps a state that is no key or value") as caught:
        recognised(("conv_kernel_size=self.conv_kernel_size\n", "state_idx=1, conv_kernel_size=4\n"))
    assert caught.value.location is not None and "update_conv_state" in caught.value.location.excerpt
