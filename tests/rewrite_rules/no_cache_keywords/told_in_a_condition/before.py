class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, position_embeddings, attention_mask=None, past_key_values=None, **kwargs):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        cos, sin = position_embeddings
        if past_key_values is not None:
            cache_kwargs = {"cache_position": cache_position}
            if self.rotates(cache_kwargs.update({"sin": sin, "cos": cos})):
                query = key
            key, value = past_key_values.update(key, value, self.layer_idx, cache_kwargs)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, attention_mask, 1.0)
        return attn_output, attn_weights
