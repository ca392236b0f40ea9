class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, run_offset=0, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx + run_offset)
        return eager_attention_forward(self, query_states, key_states, value_states, attention_mask, scaling=1.0)


class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        last_run_writes = self.config.cache_mode == "last_run"
        if last_run_writes:
            raise ValueError("with `config.cache_mode == 'last_run'` runs read the cache that others write")
        hidden_states = self.embed_tokens(input_ids)
        for run in range(self.config.runs):
            for layer in self.layers[:2]:
                hidden_states = layer(
                    hidden_states,
                    attention_mask,
                    past_key_values,
                    run_offset=0 if last_run_writes else 2 * run,
                    **kwargs,
                )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
