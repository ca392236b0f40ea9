class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, run_offset=0, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, "CCL": attention_mask.shape[-1]}
            key_states, value_states = past_key_values.update(
                key_states, value_states, self.layer_idx + run_offset, cache_kwargs
            )
        return eager_attention_forward(self, query_states, key_states, value_states, attention_mask, scaling=1.0)
