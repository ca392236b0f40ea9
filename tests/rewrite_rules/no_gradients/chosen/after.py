class TinyModel:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        for run in range(self.config.runs):
            # The fast stack runs first.
            hidden_states = self.fast(hidden_states, past_key_values=past_key_values, run_offset=2 * 2 * run, **kwargs)
            hidden_states = self.slow(
                hidden_states, past_key_values=past_key_values, run_offset=2 * (2 * run + 1), **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
