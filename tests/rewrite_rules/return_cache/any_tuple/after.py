class TinyAttention:
    def forward(self, hidden_states, past_key_values=None, **kwargs) -> tuple:
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        key, value = past_key_values.update(key, value, self.layer_idx)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, None, scaling=1.0)
        return attn_output, attn_weights, past_key_values
