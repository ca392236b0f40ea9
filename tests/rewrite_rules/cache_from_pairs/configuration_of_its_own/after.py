class TinyModel:
    def forward(self, input_ids, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)

        # initialized if needed
        return_legacy_cache = not isinstance(past_key_values, Cache)
        if return_legacy_cache:
            past_key_values = QEffDynamicCache.from_legacy_cache(past_key_values)

        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)

        if return_legacy_cache:
            past_key_values = past_key_values.to_legacy_cache()

        # what the model gives
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
