class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, cache_position=None, **kwargs):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        query = query * scale_of(cache_position)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, attention_mask, 1.0)
        return attn_output, attn_weights


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, cache_position=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, past_key_values=past_key_values, cache_position=cache_position, **kwargs
        )
        return hidden_states
