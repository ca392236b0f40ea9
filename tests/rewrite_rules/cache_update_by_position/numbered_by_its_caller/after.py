class TinyAttention:
    def forward(self, hidden_states, layer_idx, attention_mask=None, past_key_values=None, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        if past_key_values is not None:
            cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, "CCL": attention_mask.shape[-1]}
            key_states, value_states = past_key_values.update(key_states, value_states, layer_idx, cache_kwargs)

        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attn_output, attn_weights = attention_interface(
            self, query_states, key_states, value_states, attention_mask, scaling=1.0, **kwargs
        )
        return attn_output, attn_weights
