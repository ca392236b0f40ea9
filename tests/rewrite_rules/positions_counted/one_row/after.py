class TinyModel:
    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        inputs_embeds = self.embed_tokens(input_ids)
        past_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        hidden_states = inputs_embeds + self.embed_positions.weight[position_ids + self.embed_positions.offset]
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
