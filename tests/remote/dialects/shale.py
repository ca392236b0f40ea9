"""Shale, a checkpoint's folder whose modeling code is as that of transformers 4.40 is: one idiom, one piece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "architectures": ["ShaleForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_shale.ShaleConfig",
        "AutoModelForCausalLM": "modeling_shale.ShaleForCausalLM",
    },
    "model_type": "shale",
    "transformers_version": "4.40.0",
}
CONFIGURATION = """\
from transformers import PretrainedConfig


class ShaleConfig(PretrainedConfig):
    model_type = "shale"

    def __init__(
        self,
        vocab_size=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        rope_theta=10000.0,
        pretraining_tp=1,
        use_cache=True,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.max_position_embeddings = max_position_embeddings
        self.rope_theta = rope_theta
        self.pretraining_tp = pretraining_tp
        self.use_cache = use_cache
        super().__init__(**kwargs)
"""
# What stands where a piece's name does, unless an idiom says otherwise.
PIECES: dict[str, str] = {
    "IMPORTS": "",
    "HELPER": "from transformers.modeling_attn_mask_utils import _prepare_4d_causal_attention_mask",
    "FUNCTIONS": "",
    "COUNT": """
        kv_seq_len = key_states.shape[-2]
        if past_key_value is not None:
            kv_seq_len += past_key_value.get_seq_length(self.layer_idx)
""",
    "UPDATE": """
        if past_key_value is not None:
            key_states, value_states = past_key_value.update(key_states, value_states, self.layer_idx)
""",
    "SCORES": "",
    "PROJECT": "        attn_output = self.o_proj(attn_output)",
    "CLASSES": "",
    "ATTENTION": "ShaleAttention(config, layer_idx)",
    "PRESENT": "",
    "METHODS": "",
    "CACHE": """
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        past_key_values_length = past_key_values.get_seq_length() if past_key_values is not None else 0
""",
    "MASK": """
        attention_mask = _prepare_4d_causal_attention_mask(
            attention_mask, (batch_size, seq_length), inputs_embeds, past_key_values_length
        )
""",
    "GATHER": "        next_decoder_cache = None",
    "TAKE": "",
    "CALL": """
            layer_outputs = decoder_layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_value=past_key_values,
                use_cache=use_cache,
            )
""",
    "GIVEN": "                next_decoder_cache = layer_outputs[1]",
    "NEXT": "        next_cache = next_decoder_cache if use_cache else None",
    "HANDED": "",
    "PASSED": "past_key_values",
    "LOGITS": "        logits = self.lm_head(hidden_states)",
    "LOSS": "        loss = None",
}
MODELING = '''\
# Copyright 2026 The qeff_codegen authors.
"""A decoder whose attention rotates by tables that are kept."""

import math

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache
@HELPER
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
@IMPORTS
from .configuration_shale import ShaleConfig

@FUNCTIONS
class ShaleNorm(nn.Module):
    def __init__(self, size, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, hidden_states):
        scale = torch.rsqrt(hidden_states.float().pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * (hidden_states * scale).to(hidden_states.dtype)


class ShaleRotaryEmbedding(nn.Module):
    def __init__(self, dim, max_position_embeddings=2048, base=10000, device=None):
        super().__init__()
        self.dim = dim
        self.max_position_embeddings = max_position_embeddings
        self.base = base
        inv_freq = 1.0 / (self.base ** (torch.arange(0, self.dim, 2).float().to(device) / self.dim))
        self.register_buffer("inv_freq", inv_freq, persistent=False)
        self._set_cos_sin_cache(
            seq_len=max_position_embeddings, device=self.inv_freq.device, dtype=torch.get_default_dtype()
        )

    def _set_cos_sin_cache(self, seq_len, device, dtype):
        self.max_seq_len_cached = seq_len
        t = torch.arange(self.max_seq_len_cached, device=device, dtype=self.inv_freq.dtype)
        freqs = torch.einsum("i,j->ij", t, self.inv_freq)
        emb = torch.cat((freqs, freqs), dim=-1)
        self.register_buffer("cos_cached", emb.cos().to(dtype), persistent=False)
        self.register_buffer("sin_cached", emb.sin().to(dtype), persistent=False)

    def forward(self, x, seq_len=None):
        if seq_len > self.max_seq_len_cached:
            self._set_cos_sin_cache(seq_len=seq_len, device=x.device, dtype=x.dtype)
        return self.cos_cached[:seq_len].to(dtype=x.dtype), self.sin_cached[:seq_len].to(dtype=x.dtype)


def rotate_half(x):
    first, second = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-second, first), dim=-1)


def apply_rotary_pos_emb(q, k, cos, sin, position_ids, unsqueeze_dim=1):
    cos = cos[position_ids].unsqueeze(unsqueeze_dim)
    sin = sin[position_ids].unsqueeze(unsqueeze_dim)
    return (q * cos) + (rotate_half(q) * sin), (k * cos) + (rotate_half(k) * sin)


class ShaleMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.up_proj(x)))


class ShaleAttention(nn.Module):
    def __init__(self, config, layer_idx=None):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.hidden_size = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.head_dim = self.hidden_size // self.num_heads
        self.max_position_embeddings = config.max_position_embeddings
        self.q_proj = nn.Linear(self.hidden_size, self.hidden_size, bias=False)
        self.k_proj = nn.Linear(self.hidden_size, self.hidden_size, bias=False)
        self.v_proj = nn.Linear(self.hidden_size, self.hidden_size, bias=False)
        self.o_proj = nn.Linear(self.hidden_size, self.hidden_size, bias=False)
        self.rotary_emb = ShaleRotaryEmbedding(
            self.head_dim, max_position_embeddings=self.max_position_embeddings, base=config.rope_theta
        )

    def forward(
        self,
        hidden_states,
        attention_mask=None,
        position_ids=None,
        past_key_value=None,
        output_attentions=False,
        use_cache=False,
    ):
        bsz, q_len, _ = hidden_states.size()
        query_states = self.q_proj(hidden_states).view(bsz, q_len, self.num_heads, self.head_dim).transpose(1, 2)
        key_states = self.k_proj(hidden_states).view(bsz, q_len, self.num_heads, self.head_dim).transpose(1, 2)
        value_states = self.v_proj(hidden_states).view(bsz, q_len, self.num_heads, self.head_dim).transpose(1, 2)
@COUNT
        cos, sin = self.rotary_emb(value_states, seq_len=kv_seq_len)
        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin, position_ids)
@UPDATE
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3)) / math.sqrt(self.head_dim)
        if attn_weights.size() != (bsz, self.num_heads, q_len, kv_seq_len):
            raise ValueError(f"Attention weights should be of size {(bsz, self.num_heads, q_len, kv_seq_len)}")
        if attention_mask is not None:
            attn_weights = attn_weights + attention_mask
@SCORES
        attn_weights = nn.functional.softmax(attn_weights, dim=-1, dtype=torch.float32).to(query_states.dtype)
        attn_output = torch.matmul(attn_weights, value_states)
        attn_output = attn_output.transpose(1, 2).contiguous()
        attn_output = attn_output.reshape(bsz, q_len, self.hidden_size)
@PROJECT
        if not output_attentions:
            attn_weights = None
        return attn_output, attn_weights, past_key_value

@CLASSES
class ShaleDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx=None):
        super().__init__()
        self.self_attn = @ATTENTION
        self.mlp = ShaleMLP(config)
        self.input_layernorm = ShaleNorm(config.hidden_size)
        self.post_attention_layernorm = ShaleNorm(config.hidden_size)

    def forward(
        self,
        hidden_states,
        attention_mask=None,
        position_ids=None,
        past_key_value=None,
        output_attentions=False,
        use_cache=False,
    ):
        residual = hidden_states
        hidden_states = self.input_layernorm(hidden_states)
        hidden_states, self_attn_weights, present_key_value = self.self_attn(
            hidden_states=hidden_states,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_value=past_key_value,
            output_attentions=output_attentions,
            use_cache=use_cache,
        )
        hidden_states = residual + hidden_states
        residual = hidden_states
        hidden_states = residual + self.mlp(self.post_attention_layernorm(hidden_states))
        outputs = (hidden_states,)
        if output_attentions:
            outputs += (self_attn_weights,)
        if use_cache:
            outputs += (present_key_value,)
        return outputs


class ShalePreTrainedModel(PreTrainedModel):
    config_class = ShaleConfig
    base_model_prefix = "model"


class ShaleModel(ShalePreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            [ShaleDecoderLayer(config, layer_idx) for layer_idx in range(config.num_hidden_layers)]
        )
        self.norm = ShaleNorm(config.hidden_size)
        self.gradient_checkpointing = False
        self.post_init()
@METHODS
    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        use_cache=None,
        return_dict=None,
    ):
        use_cache = use_cache if use_cache is not None else self.config.use_cache
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        if input_ids is not None and inputs_embeds is not None:
            raise ValueError("You cannot specify both input_ids and inputs_embeds at the same time")
        elif input_ids is not None:
            batch_size, seq_length = input_ids.shape
        elif inputs_embeds is not None:
            batch_size, seq_length, _ = inputs_embeds.shape
        else:
            raise ValueError("You have to specify either input_ids or inputs_embeds")
@CACHE
        if position_ids is None:
            device = input_ids.device if input_ids is not None else inputs_embeds.device
            position_ids = torch.arange(
                past_key_values_length, seq_length + past_key_values_length, dtype=torch.long, device=device
            )
            position_ids = position_ids.unsqueeze(0).view(-1, seq_length)
        else:
            position_ids = position_ids.view(-1, seq_length).long()
        if inputs_embeds is None:
            inputs_embeds = self.embed_tokens(input_ids)
@MASK
        hidden_states = inputs_embeds
@GATHER
@TAKE
            hidden_states = layer_outputs[0]
            if use_cache:
@GIVEN
        hidden_states = self.norm(hidden_states)
@NEXT
        if not return_dict:
            return tuple(v for v in [hidden_states, next_cache] if v is not None)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=next_cache)


class ShaleForCausalLM(ShalePreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.model = ShaleModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self):
        return self.lm_head

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        labels=None,
        use_cache=None,
        return_dict=None,
    ):
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
@HANDED
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=@PASSED,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            return_dict=return_dict,
        )
        hidden_states = outputs[0]
@LOGITS
        logits = logits.float()
@LOSS
        if not return_dict:
            output = (logits,) + outputs[1:]
            return (loss,) + output if loss is not None else output
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=outputs.past_key_values)
'''


def modeling(**pieces: str) -> str:
    """The text of `modeling_shale.py`, with some pieces as an idiom has them."""
    texts = PIECES | pieces
    texts["TAKE"] = texts["TAKE"] or f"        for decoder_layer in self.layers:{texts['CALL'].rstrip()}"
    text = MODELING
    for name, piece in texts.items():
        at_line = f"@{name}\n"
        text = text.replace(at_line, piece.strip("\n") + "\n") if f"\n{at_line}" in text else text
        text = text.replace(f"@{name}", piece)
    return text


def write_shale(folder: Path, **pieces: str) -> Path:
    """Write the folder, and give it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modeling_shale.py").write_text(modeling(**pieces), "utf-8")
    (folder / "configuration_shale.py").write_text(CONFIGURATION, "utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2), "utf-8")
    return folder
