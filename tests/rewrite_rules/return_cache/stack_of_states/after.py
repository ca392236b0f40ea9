class TinyStack:
    def forward(self, hidden_states, past_key_values=None, run_offset=0, **kwargs):
        for layer in self.layers:
            hidden_states, past_key_values = layer(
                hidden_states, past_key_values=past_key_values, run_offset=run_offset, **kwargs
            )
        return self.norm(hidden_states), past_key_values


class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, run_offset=0, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx + run_offset)
        attn_output, attn_weights = eager_attention_forward(
            self, query_states, key_states, value_states, attention_mask, scaling=1.0
        )
        return attn_output, attn_weights, past_key_values


class TinyModel:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        first_kept = self.config.runs - len(self.config.trained_runs)
        for run in range(self.config.runs):
            context = nullcontext() if run >= first_kept else torch.no_grad()
            with context:
                # The fast stack runs first.
                hidden_states, past_key_values = self.fast(
                    hidden_states, past_key_values=past_key_values, run_offset=2 * 2 * run, **kwargs
                )
            hidden_states, past_key_values = self.slow(
                hidden_states, past_key_values=past_key_values, run_offset=2 * (2 * run + 1), **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
