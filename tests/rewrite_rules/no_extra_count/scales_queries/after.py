class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query = self.q_proj(hidden_states).view(hidden_shape).transpose(1, 2)
        key, value = self.kv_proj(hidden_states).chunk(2, dim=-1)
        query = query * attention_scale(position_ids, self.beta, self.length).unsqueeze(1).to(query.dtype)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, attention_mask, 1.0)
        return attn_output, attn_weights


class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return hidden_states
