class TinyModel:
    def forward(
        self,
        input_ids,
        attention_mask=None,
        past_key_values=None,
    ):
        hidden_states = self.embed_tokens(input_ids)
        for layer in self.layers:
            hidden_states = layer(hidden_states, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
