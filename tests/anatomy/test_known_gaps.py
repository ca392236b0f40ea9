"""A model that needs an idea which no rule has is refused with the idea's name and the line that needs it."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.errors import Refusal
from qeff_codegen.upstream.source import UpstreamModel
from tests.rewrite_rules.example_runner import SKELETON

WHOLE = SKELETON.read_text()
UPDATE = "key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)\n"
QKV = "query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)\n"
LAYER_IDX = "self.layer_idx = layer_idx\n"
LAYERS = "self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])\n"
LOOP = "for decoder_layer in self.layers:\n            hidden_states = decoder_layer("
EMBEDS = "hidden_states = inputs_embeds\n"
HEAD = "logits = self.lm_head(hidden_states[:, slice_indices, :])\n"
MODEL = "self.model = TinyModel(config)\n"
STACK = """
class TinyEncoder(nn.Module):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, 0)])

    def forward(self, hidden_states):
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states


class TinyModel("""
PATCHES = """
class TinyPatches(nn.Module):
    def __init__(self, config):
        self.projection = nn.Conv2d(3, config.hidden_size, 16)


class TinyModel("""
WRAPPER = """
class TinyWrapper(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        language_model = AutoModel.from_config(config.text_config)
        self.language_model = language_model

    def forward(self, input_ids, past_key_values=None, **kwargs):
        return self.language_model(input_ids, past_key_values=past_key_values, **kwargs)


class TinyForBoth(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyWrapper(config)

    def forward(self, input_ids, past_key_values=None, **kwargs):
        return self.model(input_ids, past_key_values=past_key_values, **kwargs)


class TinyForCausalLM("""
TOP_K = """
    def keep(self, attention_mask, scores):
        mask = scores + attention_mask
        return torch.topk(mask, 8, dim=-1)

    def forward(self, hidden_states, position_embeddings"""
NO_CACHE = """
class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.head = nn.Linear(4, 4)

    def forward(self, input_ids, attention_mask=None):
        return CausalLMOutputWithPast(logits=self.head(input_ids))
"""


def refused(source: str, causal_lm: str | None = None) -> Refusal:
    upstream = UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source, causal_lm=causal_lm)
    with pytest.raises(Refusal) as caught:
        recognise(read_modeling_file(upstream))
    return caught.value


GAPS = [
    (
        [
            (
                UPDATE,
                "past_key, past_value = past_key_values[0], past_key_values[1]\n"
                "            key_states = torch.cat((past_key, key_states), dim=1)\n"
                "            value_states = torch.cat((past_value, value_states), dim=1)\n",
            )
        ],
        "`TinyAttention` keeps keys and values in another order of axes: "
        "`key_states = torch.cat((past_key, key_states), dim=1)`",
        "key_states = torch.cat((past_key, key_states), dim=1)",
    ),
    (
        [
            (
                UPDATE,
                "past_key, past_value = past_key_values\n"
                "            key_states = torch.cat([past_key, key_states[-1, ...].unsqueeze(0)], dim=0)\n"
                "            value_states = torch.cat([past_value, value_states[-1, ...].unsqueeze(0)], dim=0)\n",
            )
        ],
        "`TinyAttention` keeps keys and values in another order of axes: "
        "`key_states = torch.cat([past_key, key_states[-1, ...].unsqueeze(0)], dim=0)`",
        "key_states = torch.cat([past_key, key_states[-1, ...].unsqueeze(0)], dim=0)",
    ),
    (
        [(UPDATE, UPDATE.replace("self.layer_idx", "2 * self.layer_idx + 1"))],
        "`TinyAttention` keeps keys and values at a number that is not its layer's: `2 * self.layer_idx + 1`",
        UPDATE.replace("self.layer_idx", "2 * self.layer_idx + 1").strip(),
    ),
    (
        [(QKV, f"{QKV}        past_key_values.update_conv_state(key_states, self.layer_idx)\n")],
        "`TinyAttention` keeps a state that is no key or value: "
        "`past_key_values.update_conv_state(key_states, self.layer_idx)`",
        "past_key_values.update_conv_state(key_states, self.layer_idx)",
    ),
    (
        [(QKV, f"{QKV}        past_key_values.states[self.layer_idx] = hidden_states\n")],
        "`TinyAttention` keeps a state that is no key or value: `past_key_values.states[self.layer_idx]`",
        "past_key_values.states[self.layer_idx] = hidden_states",
    ),
    (
        [(QKV, f"{QKV}        states = past_key_values.layers[self.layer_idx].update_index(hidden_states)\n")],
        "`TinyAttention` keeps a state that is no key or value: "
        "`past_key_values.layers[self.layer_idx].update_index(hidden_states)`",
        "states = past_key_values.layers[self.layer_idx].update_index(hidden_states)",
    ),
    (
        [
            (
                QKV,
                f"{QKV}        kept = past_key_values.layers[self.layer_idx] if past_key_values else None\n"
                "        states = kept.update_index(hidden_states)\n",
            )
        ],
        "`TinyAttention` keeps a state that is no key or value: `kept.update_index(hidden_states)`",
        "states = kept.update_index(hidden_states)",
    ),
    (
        [(EMBEDS, f"{EMBEDS}        kinds = position_ids[None, ...].expand(4, position_ids.shape[0], -1)\n")],
        "`TinyModel` gives every token 4 positions: `position_ids[None, ...].expand(4, position_ids.shape[0], -1)`",
        "kinds = position_ids[None, ...].expand(4, position_ids.shape[0], -1)",
    ),
    (
        [(QKV, f"{QKV}        past_key_values.states[0].copy_(hidden_states)\n")],
        "`TinyAttention` keeps a state that is no key or value: `past_key_values.states[0].copy_(hidden_states)`",
        "past_key_values.states[0].copy_(hidden_states)",
    ),
    (
        [
            (LAYER_IDX, f"{LAYER_IDX}        self.state = None\n"),
            (QKV, f"{QKV}        self.state = hidden_states[:, -1]\n"),
        ],
        "`TinyAttention` keeps a state that is no key or value: `self.state`",
        "self.state = hidden_states[:, -1]",
    ),
    (
        [(QKV, f"{QKV}        key_states = torch.cat([past_key_values, hidden_states], dim=0)\n")],
        "`TinyAttention` keeps hidden states instead of keys and values: "
        "`torch.cat([past_key_values, hidden_states], dim=0)`",
        "key_states = torch.cat([past_key_values, hidden_states], dim=0)",
    ),
    (
        [
            ("\nclass TinyModel(", PATCHES),
            (LAYERS, f"{LAYERS}        self.patches = TinyPatches(config)\n"),
        ],
        "`TinyForCausalLM` takes more than text: `TinyPatches` embeds images or sound by `nn.Conv2d`",
        "self.projection = nn.Conv2d(3, config.hidden_size, 16)",
    ),
    (
        [
            ("self.lm_head = ", "self.heads = "),
            (HEAD, "logits = torch.stack([head(hidden_states) for head in self.heads], dim=1)\n"),
        ],
        "`TinyForCausalLM` predicts several tokens at once, by several heads: "
        "`[head(hidden_states) for head in self.heads]`",
        "logits = torch.stack([head(hidden_states) for head in self.heads], dim=1)",
    ),
    (
        [
            ("\nclass TinyModel(", STACK),
            (LAYERS, "self.one = TinyEncoder(config)\n        self.two = TinyEncoder(config)\n"),
            (EMBEDS, "hidden_states = self.two(self.one(inputs_embeds))\n"),
        ],
        "`TinyModel` runs several stacks of layers: `self.one`, `self.two`",
        "hidden_states = self.two(self.one(inputs_embeds))",
    ),
    (
        [
            (
                LAYERS,
                "layers = []\n        layers.append(TinyDecoderLayer(config, 0))\n"
                "        layers.append(TinyRMSNorm(config))\n        self.layers = nn.ModuleList(layers)\n",
            ),
        ],
        "`TinyModel` fills `layers` with several kinds of layer: TinyDecoderLayer, TinyRMSNorm",
        "layers.append(TinyDecoderLayer(config, 0))",
    ),
    (
        [(EMBEDS, "hidden_states = Reversible.apply(inputs_embeds, self.layers)\n")],
        "`TinyModel` hands its layers `self.layers` to `Reversible.apply`, which runs them",
        "hidden_states = Reversible.apply(inputs_embeds, self.layers)",
    ),
    (
        [
            (LAYERS, f"{LAYERS}        self.norms = nn.ModuleList([])\n"),
            (LOOP, "for i in range(2):\n            hidden_states = self.norms[i](hidden_states)\n"),
            ("hidden_states = self.norms[i](hidden_states)\n", "hidden_states = self.norms[i](self.layers[i]("),
            ("**kwargs,\n            )\n        return Base", "**kwargs,\n            ))\n        return Base"),
        ],
        "`TinyModel` has no decoder layer, its loop takes parts from lists: self.norms[i], self.layers[i]",
        "for i in range(2):",
    ),
    (
        [(EMBEDS, f"{EMBEDS}        hidden_states = torch.cat([hidden_states] + more, 1)\n")],
        "`TinyModel` gives its layers more rows than there are tokens: "
        "`hidden_states = torch.cat([hidden_states] + more, 1)`",
        "hidden_states = torch.cat([hidden_states] + more, 1)",
    ),
    (
        [(UPDATE, f"{UPDATE}        key_states = torch.cat([self.prompt, key_states], dim=2)\n")],
        "`TinyAttention` attends to more than the cache holds: "
        "`key_states = torch.cat([self.prompt, key_states], dim=2)`",
        "key_states = torch.cat([self.prompt, key_states], dim=2)",
    ),
    (
        [("\n    def forward(self, hidden_states, position_embeddings", TOP_K)],
        "`TinyAttention` chooses by values which tokens may be attended to: `torch.topk(mask, 8, dim=-1)`",
        "return torch.topk(mask, 8, dim=-1)",
    ),
    (
        [(QKV, f"{QKV}        blocks = np.random.permutation(4)\n")],
        "`TinyAttention` draws at random what is attended to: `np.random.permutation(4)`",
        "blocks = np.random.permutation(4)",
    ),
]


@pytest.mark.parametrize(("changes", "what", "excerpt"), GAPS)
def test_the_missing_idea_is_named_at_its_line(changes: list[tuple[str, str]], what: str, excerpt: str) -> None:
    source = WHOLE
    for old, new in changes:
        assert old in source
        source = source.replace(old, new, 1)
    refusal = refused(source)
    assert refusal.what == what
    assert refusal.location is not None and refusal.location.excerpt.strip() == excerpt
    assert refusal.expected and refusal.next_step


def test_a_text_model_of_another_file_names_the_causal_lm_of_this_one() -> None:
    source = WHOLE.replace("\nclass TinyForCausalLM(", WRAPPER, 1)
    source = source.replace("from torch import nn\n", "from torch import nn\nfrom transformers import AutoModel\n", 1)
    refusal = refused(source, causal_lm="TinyForBoth")
    built = "AutoModel.from_config(config.text_config)"
    assert refusal.what == f"`TinyWrapper` calls a text model of another file, built as `{built}`"
    assert refusal.location is not None and built in refusal.location.excerpt
    assert refusal.next_step == (
        "generate the family of that text model instead; "
        "this file also has `TinyForCausalLM`, a causal LM of text alone"
    )


def test_a_model_without_any_cache() -> None:
    refusal = refused(NO_CACHE)
    assert refusal.what == "`TinyForCausalLM` has no KV cache: nothing that it builds takes or updates one"
    assert refusal.location is not None and refusal.location.line == 6


def test_keys_and_values_shared_between_layers_are_no_other_state() -> None:
    shared = f"{UPDATE}            past_key_values.shared[self.layer_idx] = key_states, value_states\n"
    upstream = UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", WHOLE.replace(UPDATE, shared, 1))
    assert recognise(read_modeling_file(upstream)).model.name == "TinyModel"
