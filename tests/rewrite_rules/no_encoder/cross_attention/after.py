class TinyAttention:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        if past_key_values is not None:
            curr_past_key_values = past_key_values

        # keys and values of this sequence
        key, value = self.kv_proj(hidden_states).chunk(2, dim=-1)

        if past_key_values is not None:
            key, value = curr_past_key_values.update(key, value, self.layer_idx)
        return self.attend(hidden_states, key, value, attention_mask), None


class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        hidden_states, _ = self.attn(hidden_states, past_key_values, attention_mask, **kwargs)
        return hidden_states
