import torch
from torch import nn


class TinyAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False):
        bsz, q_len, _ = hidden_states.size()
        query_states = key_states = value_states = self.q_proj(hidden_states).view(bsz, 1, q_len, -1)

        kv_seq_len = key_states.shape[-2]
        if past_key_values is not None:
            kv_seq_len += past_key_values[0].shape[-2]
        if past_key_values is not None:
            # join what came before
            key_states = torch.cat([past_key_values[0], key_states], dim=2)
            value_states = torch.cat([past_key_values[1], value_states], dim=2)
        past_key_values = (key_states, value_states) if use_cache else None

        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3))
        if attn_weights.size() != (bsz, 1, q_len, kv_seq_len):
            raise ValueError("Attention weights have another size")
        attn_output = torch.matmul((attn_weights + attention_mask).softmax(-1), value_states)
        return attn_output, past_key_values


class TinyDecoderLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn = TinyAttention(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False):
        hidden_states, present = self.self_attn(
            hidden_states=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        outputs = (hidden_states,)
        if use_cache:
            outputs += (present,)
        return outputs


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config) for _ in range(2)])

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None):
        batch_size, seq_length = input_ids.shape
        seq_length_with_past = seq_length
        past_key_values_length = 0
        if past_key_values is not None:
            past_key_values_length = past_key_values[0][0].shape[2]
            seq_length_with_past = seq_length_with_past + past_key_values_length
        hidden_states = self.embed_tokens(input_ids) + past_key_values[0][1].sum()
        next_cache = () if use_cache else None
        for idx, layer in enumerate(self.layers):
            past_key_value = past_key_values[idx] if past_key_values is not None else None
            layer_outputs = layer(
                hidden_states, attention_mask=attention_mask, past_key_values=past_key_value, use_cache=use_cache
            )
            hidden_states = layer_outputs[0]
            if use_cache:
                next_cache += (layer_outputs[1],)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=next_cache)
