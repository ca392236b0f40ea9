def attention_scale(positions, beta, length):
    scaling = 1 + beta * torch.log(1 + torch.floor(positions / length).cumsum(0))
    return scaling.unsqueeze(-1)


class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, cache_position=None, **kwargs):
        hidden_shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query = self.q_proj(hidden_states).view(hidden_shape).transpose(1, 2)
        key, value = self.kv_proj(hidden_states).chunk(2, dim=-1)
        query = query * attention_scale(cache_position, self.beta, self.length).to(query.dtype)
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
