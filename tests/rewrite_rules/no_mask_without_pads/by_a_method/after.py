class TinyModel:
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        linear_mask = None
        for layer in self.layers:
            hidden_states = layer(hidden_states, linear_mask, past_key_values=past_key_values)
        return hidden_states
