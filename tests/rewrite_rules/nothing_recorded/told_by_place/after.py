class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states, weights = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        outputs = (hidden_states,)
        return outputs


class TinyModel:
    def forward(self, input_ids, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        for decoder_layer in self.layers:
            layer_outputs = decoder_layer(hidden_states, past_key_values, **kwargs)
            hidden_states = layer_outputs[0]
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
