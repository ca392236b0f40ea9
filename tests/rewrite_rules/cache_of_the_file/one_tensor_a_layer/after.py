class TinyMixer:
    def forward(self, hidden_states, past_key_values: Cache | None = None, attention_mask=None, **kwargs):
        state = past_key_values.get_recurrent_state(self.layer_idx)
        state = state + hidden_states.sum(1)
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return hidden_states


class TinyModel:
    def forward(self, inputs_embeds, past_key_values: Cache | None = None, use_cache=None, **kwargs):
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        for decoder_layer in self.layers:
            inputs_embeds = decoder_layer(inputs_embeds, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds, past_key_values=past_key_values)
