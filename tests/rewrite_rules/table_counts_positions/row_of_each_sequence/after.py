class TinyModel:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        hidden_states = (
            self.embed_tokens(input_ids) + self.embed_positions.weight[position_ids + self.embed_positions.offset]
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
