class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        attn_output, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        hidden_states = attn_output + hidden_states
        return (hidden_states,)


class TinyModel:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
