class TinyAttention:
    def forward(self, hidden_states, position_embeddings, attention_mask=None, past_key_values=None, **kwargs):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        cos, sin = position_embeddings
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, attention_mask, 1.0)
        return attn_output, attn_weights
