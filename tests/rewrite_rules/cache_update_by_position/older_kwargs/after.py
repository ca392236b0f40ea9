class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        if past_key_values is not None:
            # keys and values so far
            cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, "CCL": attention_mask.shape[-1]}
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx, cache_kwargs)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None
