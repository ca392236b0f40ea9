class TinyModel:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        length = past_key_values.get_seq_length() if past_key_values is not None else 0
        if self.config.learned_positions:
            positions = self.embed_positions(input_ids, past_length=length)
        else:
            raise ValueError(
                "with `config.learned_positions=False` tokens are numbered by their values, not by their positions"
            )
        hidden_states = self.embed_tokens(input_ids) + positions
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
