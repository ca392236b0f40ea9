class TinyModel:
    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        # The table follows the model.
        waves = self.waves.to(device=hidden_states.device, dtype=hidden_states.dtype)
        hidden_states = hidden_states + waves[position_ids, :]
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
