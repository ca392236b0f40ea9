class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return hidden_states


class TinyModel:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        past_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
