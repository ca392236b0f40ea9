"""A QEff Llama written by hand, in the shape of generated code, so that the runtime is tested on its own.

It attends within `config.sliding_window` where the configuration has one, so that the window is tested too.
"""

# Its forwards take other arguments than those they override, as generated code's do.
# mypy: disable-error-code="override"

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaDecoderLayer,
    LlamaForCausalLM,
    LlamaModel,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    repeat_kv,
    rotate_half,
)

from qeff_codegen.runtime.cache_utils import QEffDynamicCache
from qeff_codegen.runtime.constants import MIN_MASKED_ATTENTION_VALUE
from qeff_codegen.runtime.customop import CustomRMSNormAIC
from qeff_codegen.runtime.modeling_attn_mask_utils import _create_causal_mask
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform


class QEffLlamaRotaryEmbedding(LlamaRotaryEmbedding):
    def __qeff_init__(self):
        positions = torch.arange(self.config.max_position_embeddings, dtype=torch.float32)
        freqs = torch.outer(positions, self.inv_freq)
        emb = torch.cat((freqs, freqs), dim=-1)
        self.register_buffer("cos_cached", emb.cos() * self.attention_scaling, persistent=False)
        self.register_buffer("sin_cached", emb.sin() * self.attention_scaling, persistent=False)

    def forward(self, x, position_ids):
        return self.cos_cached[position_ids].to(x.dtype), self.sin_cached[position_ids].to(x.dtype)


class QEffLlamaAttention(LlamaAttention):
    def forward(self, hidden_states, position_embeddings, attention_mask, past_key_value, position_ids, **kwargs: Any):
        batch_index = kwargs.get("batch_index")
        input_shape = hidden_states.shape[:-1]
        hidden_shape = (*input_shape, -1, self.head_dim)
        query_states = self.q_proj(hidden_states).view(hidden_shape).transpose(1, 2)
        key_states = self.k_proj(hidden_states).view(hidden_shape).transpose(1, 2)
        value_states = self.v_proj(hidden_states).view(hidden_shape).transpose(1, 2)

        cos, sin = position_embeddings
        query_states = query_states * cos + rotate_half(query_states) * sin
        key_states = key_states * cos + rotate_half(key_states) * sin

        cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, "CCL": attention_mask.shape[-1]}
        key_states, value_states = past_key_value.update(key_states, value_states, self.layer_idx, cache_kwargs)

        key_states = repeat_kv(key_states, self.num_key_value_groups)
        value_states = repeat_kv(value_states, self.num_key_value_groups)
        scores = torch.matmul(query_states, key_states.transpose(2, 3)) * self.scaling
        scores = torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, scores)
        weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query_states.dtype)
        attn_output = torch.matmul(weights, value_states).transpose(1, 2).reshape(*input_shape, -1)
        return self.o_proj(attn_output), past_key_value


class QEffLlamaDecoderLayer(LlamaDecoderLayer):
    def forward(self, hidden_states, past_key_value, **kwargs: Any):
        attn_output, past_key_value = self.self_attn(
            self.input_layernorm(hidden_states), past_key_value=past_key_value, **kwargs
        )
        hidden_states = hidden_states + attn_output
        hidden_states = hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))
        return hidden_states, past_key_value


class QEffLlamaModel(LlamaModel):
    def forward(self, input_ids, position_ids, past_key_values, use_cache=None, **kwargs: Any):
        use_cache = self.config.use_cache if use_cache is None else use_cache
        return_legacy_cache = use_cache and not isinstance(past_key_values, Cache)
        if return_legacy_cache:
            past_key_values = QEffDynamicCache.from_legacy_cache(past_key_values)
        read = kwargs.get("comp_ctx_lengths")
        attention_mask = _create_causal_mask(
            position_ids=position_ids,
            target_length=past_key_values.get_seq_length() if read is None else read.shape[-1],
            sliding_window=getattr(self.config, "sliding_window", None),
        )
        hidden_states = self.embed_tokens(input_ids)
        cos, sin = self.rotary_emb(hidden_states, position_ids)
        position_embeddings = cos.unsqueeze(1), sin.unsqueeze(1)
        for layer in self.layers:
            hidden_states, past_key_values = layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_value=past_key_values,
                position_embeddings=position_embeddings,
                **kwargs,
            )
        if return_legacy_cache:
            past_key_values = past_key_values.to_legacy_cache()
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden_states), past_key_values=past_key_values)


class QEffLlamaForCausalLM(LlamaForCausalLM):
    def forward(
        self,
        input_ids=None,
        position_ids=None,
        past_key_values=None,
        comp_ctx_lengths=None,
        batch_index=None,
        use_cache=None,
    ):
        outputs = self.model(
            input_ids=input_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            comp_ctx_lengths=comp_ctx_lengths,
            batch_index=batch_index,
            use_cache=use_cache,
        )
        last_token = position_ids.to(torch.int32).argmax(1, keepdim=True)
        rows = torch.arange(position_ids.shape[0]).view(-1, 1)
        logits = self.lm_head(outputs.last_hidden_state[rows, last_token]).float()
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)


class LlamaTransform(ModuleMappingTransform):
    _module_mapping: ClassVar = {
        LlamaAttention: QEffLlamaAttention,
        LlamaDecoderLayer: QEffLlamaDecoderLayer,
        LlamaForCausalLM: QEffLlamaForCausalLM,
        LlamaModel: QEffLlamaModel,
        LlamaRMSNorm: CustomRMSNormAIC,
        LlamaRotaryEmbedding: QEffLlamaRotaryEmbedding,
    }
