class TinyModel:
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        inputs_embeds = self.embed_tokens(input_ids)
        linear_attention = None
        hidden_states = inputs_embeds
        for layer in self.layers:
            hidden_states = layer(hidden_states, linear_attention, past_key_values=past_key_values)
        return hidden_states
