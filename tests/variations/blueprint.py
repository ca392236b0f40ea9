"""Texts of Blueprint's file that variations change, and the ways they do it."""

from __future__ import annotations

from tests.variations.variation import Change

NORM_VALUE = "        variance = hidden_states.pow(2).mean(-1, keepdim=True)\n"
NORM_SCALED = "        hidden_states = hidden_states * torch.rsqrt(variance + self.variance_epsilon)\n"
MLP_RETURN = "        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n"
MLP_PARTS = "        self.act_fn = ACT2FN[config.hidden_act]\n"
REPEATED_VALUES = "    value_states = repeat_kv(value, module.num_key_value_groups)\n"
SCORES = "    attn_weights = torch.matmul(query, key_states.transpose(2, 3)) * scaling\n"
MASKED = "    if attention_mask is not None:\n        attn_weights = attn_weights + attention_mask\n"
SOFTMAX = "    attn_weights = nn.functional.softmax(attn_weights, dim=-1, dtype=torch.float32).to(query.dtype)\n"
VALUES_SUMMED = "    attn_output = torch.matmul(attn_weights, value_states)\n"
ATTENTION_PARTS = "        self.is_causal = True\n"
ATTENTION_SHAPE = "        hidden_shape = (*input_shape, -1, self.head_dim)\n"
VALUE_STATES = "        value_states = self.v_proj(hidden_states).view(hidden_shape).transpose(1, 2)\n"
ROTATED = "        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin)\n"
UPDATED = (
    "            key_states, value_states = cache.update(key_states, value_states, self.layer_idx, kwargs=kwargs)\n"
)
INTERFACE = "        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(\n"
PROJECTED = "        attn_output = self.o_proj(attn_output)\n"
LAYER_PARTS = "        self.mlp = BlueprintMLP(config)\n"
LAYER_BEGIN = "        # Attention\n"
FEED_FORWARD = "        # Feed-forward\n"
LAYER_END = "        hidden_states = self.mlp(hidden_states)\n"
EMBEDDED = "            inputs_embeds = self.embed_tokens(input_ids)\n"
MODEL_CACHE = "        if use_cache and cache is None:\n"
MODEL_BEGIN = "        hidden_states = inputs_embeds\n"
ROTARY = "        position_embeddings = self.rotary_emb(hidden_states, position_ids=position_ids)\n"
MODEL_NORM = "        hidden_states = self.norm(hidden_states)\n"
LAST_LOGITS = "        hidden_states = slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep)\n"
LOGITS = "        logits = self.lm_head(hidden_states)\n"
FREQUENCIES = (
    "        freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device, dtype=torch.float)\n"
)
IMPORTS = "import torch\nfrom torch import nn\n"
FIRST_CLASS = "class BlueprintRMSNorm(nn.Module):\n"


def after(place: str, *lines: str) -> Change:
    """Lines below a place, with its first line's indentation."""
    return place, place + _indented(place, lines)


def before(place: str, *lines: str) -> Change:
    """Lines above a place, with its first line's indentation."""
    return place, _indented(place, lines) + place


def instead(place: str, *lines: str) -> Change:
    """Lines in the place of others, with their indentation."""
    return place, _indented(place, lines)


def _indented(place: str, lines: tuple[str, ...]) -> str:
    first = place.splitlines()[0]
    indent = first[: len(first) - len(first.lstrip())]
    return "".join(f"{indent}{line}\n" for line in lines)
