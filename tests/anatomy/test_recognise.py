"""Roles are recognised by structure, whatever things are called, and a missing role is refused with its place."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.rewrite_rules.example_runner import SKELETON

WHOLE = SKELETON.read_text()
HANDED_ON = "hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs"
UPDATE = "key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)"


def recognised(source: str) -> Anatomy:
    return recognise(read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source)))


def roles(anatomy: Anatomy) -> list[tuple[str, str]]:
    return [(row.role, row.name) for row in anatomy.found()]


def test_every_role_of_the_skeleton() -> None:
    assert roles(recognised(WHOLE)) == [
        ("RMS norm", "TinyRMSNorm"),
        ("rotary embedding", "TinyRotaryEmbedding"),
        ("attention function", "eager_attention_forward"),
        ("attention", "TinyAttention"),
        ("decoder layer", "TinyDecoderLayer"),
        ("model", "TinyModel"),
        ("causal LM", "TinyForCausalLM"),
    ]


def test_names_decide_nothing() -> None:
    names = {
        "TinyAttention": "Mixer",
        "TinyDecoderLayer": "Stage",
        "TinyModel": "Trunk",
        "TinyForCausalLM": "Speaker",
        "self.self_attn": "self.mix",
        "self.layers": "self.h",
        "self.model": "self.trunk",
        "decoder_layer": "stage",
        "eager_attention_forward": "mix",
    }
    source = WHOLE
    for old, new in names.items():
        source = re.sub(rf"{re.escape(old)}\b", new, source)
    assert [part.name for part in recognised(source).path] == ["Speaker", "Trunk", "Stage", "Mixer"]


def test_reasons_say_what_was_seen() -> None:
    anatomy = recognised(WHOLE)
    assert anatomy.causal_lm.because == ("the one class that inherits GenerationMixin and returns logits",)
    assert anatomy.model.because == (
        "`TinyForCausalLM` calls it as `self.model`",
        "its forward loops over `self.layers`",
    )


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (UPDATE, "pass", "no attention of `TinyDecoderLayer` updates a KV cache"),
        (UPDATE, UPDATE.replace("past_key_values", "self.cache"), "is not the KV cache that came in as a parameter"),
        (HANDED_ON, HANDED_ON.replace(", past_key_values=past_key_values", ""), "does not hand the KV cache on"),
        ("for decoder_layer in self.layers:", "for decoder_layer in make_layers():", "must call one model that loops"),
        (
            "TinyDecoderLayer(config, layer_idx) for",
            "(TinyDecoderLayer if layer_idx else TinyModel)(config) for",
            "builds several kinds of decoder layer",
        ),
    ],
)
def test_a_missing_role_is_refused(old: str, new: str, what: str) -> None:
    assert old in WHOLE
    with pytest.raises(Refusal, match=re.escape(what)) as caught:
        recognised(WHOLE.replace(old, new))
    assert caught.value.location is not None
    assert caught.value.expected


def test_the_cache_may_be_handed_on_under_a_condition() -> None:
    given = "past_key_values=past_key_values if use_cache else None"
    anatomy = recognised(WHOLE.replace("past_key_values=past_key_values, **kwargs", f"{given}, **kwargs"))
    assert {part.cache_parameter for part in anatomy.path} == {"past_key_values"}


HOLDER = """
class TinyHolder(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.decoder = TinyModel(config)


class TinyForCausalLM"""


def test_a_model_may_be_called_inside_a_module_that_only_holds_it() -> None:
    source = WHOLE.replace("\nclass TinyForCausalLM", HOLDER, 1)
    source = source.replace("self.model = TinyModel(config)", "self.model = TinyHolder(config)", 1)
    anatomy = recognised(source.replace("self.model(", "self.model.decoder(", 1))
    assert [part.name for part in anatomy.path][:2] == ["TinyForCausalLM", "TinyModel"]
    assert anatomy.model.called_as == ("self.model.decoder",)
    assert "TinyHolder" in anatomy.reachable


def test_a_model_must_hand_the_cache_to_the_module_that_loops() -> None:
    source = WHOLE.replace("\nclass TinyForCausalLM", HOLDER, 1)
    source = source.replace("self.model = TinyModel(config)", "self.model = TinyHolder(config)", 1)
    forward = "\n\n    def forward(self, input_ids, **kwargs):\n        return self.decoder(input_ids, **kwargs)\n"
    source = source.replace("self.decoder = TinyModel(config)\n", f"self.decoder = TinyModel(config){forward}", 1)
    what = "`TinyHolder.forward` does not hand the KV cache on"
    with pytest.raises(Refusal, match=re.escape(what)):
        recognised(source)


def test_a_cache_beside_the_kv_cache_is_refused() -> None:
    keeps = f"{UPDATE}\n            self.seen = torch.cat([self.seen, key_states], dim=1)"
    starts = "self.layer_idx = layer_idx"
    source = WHOLE.replace(UPDATE, keeps).replace(starts, f"self.seen = None\n        {starts}", 1)
    with pytest.raises(Refusal, match="`TinyAttention` keeps a state that is no key or value: `self.seen`") as caught:
        recognised(source)
    assert caught.value.location is not None and "self.seen" in caught.value.location.excerpt


TABLE = """
class TinyFlashAttention(TinyAttention):
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        return past_key_values.update(hidden_states, hidden_states, self.layer_idx)


IMPLEMENTATIONS = {"eager": TinyAttention, "sdpa": TinyAttention, "flash_attention_2": TinyFlashAttention}


class TinyDecoderLayer"""
LOOKED_UP = "IMPLEMENTATIONS[config._attn_implementation](config, layer_idx)"


def from_table(table: str) -> str:
    source = WHOLE.replace("\nclass TinyDecoderLayer", table, 1)
    return source.replace("self.self_attn = TinyAttention(config, layer_idx)", f"self.self_attn = {LOOKED_UP}", 1)


def test_the_eager_class_of_a_table_is_the_attention() -> None:
    attention = recognised(from_table(TABLE)).path[-1]
    assert (attention.name, attention.alternatives) == ("TinyAttention", ("TinyFlashAttention",))


def test_a_table_of_unrelated_classes_is_refused() -> None:
    with pytest.raises(Refusal, match="`TinyFlashAttention` may stand in for `TinyAttention` and is not a subclass"):
        recognised(from_table(TABLE.replace("(TinyAttention)", "(nn.Module)")))


def test_a_table_without_eager_is_no_table() -> None:
    with pytest.raises(Refusal, match="no attention of `TinyDecoderLayer` updates a KV cache"):
        recognised(from_table(TABLE.replace('"eager"', '"flex"')))


def test_a_table_looked_up_by_another_key_is_no_choice_of_implementation() -> None:
    with pytest.raises(Refusal, match="no attention of `TinyDecoderLayer` updates a KV cache"):
        recognised(from_table(TABLE).replace("[config._attn_implementation]", '["flash_attention_2"]'))


@pytest.mark.parametrize(
    ("local", "eager"),
    [
        ('kind = "flash_attention_2" if is_flash_attention_requested(config) else config._attn_implementation', True),
        ("kind = config._attn_implementation", True),
        ('kind = "flash_attention_2" if config.fast else config._attn_implementation', False),
        ("kind = config._attn_implementation\n        kind = config.kind", False),
    ],
)
def test_the_implementation_may_stand_in_a_local(local: str, eager: bool) -> None:
    table = from_table(TABLE).replace(LOOKED_UP, "IMPLEMENTATIONS[kind](config, layer_idx)")
    source = table.replace("        self.self_attn = IMPL", f"        {local}\n        self.self_attn = IMPL", 1)
    if eager:
        assert recognised(source).path[-1].name == "TinyAttention"
    else:
        with pytest.raises(Refusal, match="no attention of `TinyDecoderLayer` updates a KV cache"):
            recognised(source)


@pytest.mark.parametrize("name", ["bert", "xmod"])
def test_attention_to_an_encoder_hands_no_cache_on_for_the_layers_own(name: str) -> None:
    upstream = find_model(name)
    cache = "            cache=cache,\n"
    handed, withheld = (f"            attention_mask,\n{line}            **kwargs,\n" for line in (cache, ""))
    assert upstream.source.count(handed) == 1
    layer = "BertLayer" if name == "bert" else "XmodLayer"
    with pytest.raises(Refusal, match=f"`{layer}.forward` does not hand the KV cache on"):
        generate_model(replace(upstream, source=upstream.source.replace(handed, withheld)))
