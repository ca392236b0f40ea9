class TinyModel:
    def forward(self, input_ids, past_key_values=None, use_cache=None, **kwargs):
        # A cache for the decoder.
        if use_cache:
            if past_key_values is None:
                past_key_values = DynamicCache(config=self.config)
            elif isinstance(past_key_values, tuple):
                logger.warning_once("Passing a tuple of `past_key_values` is deprecated.")
                past_key_values = DynamicCache.from_legacy_cache(past_key_values)

        hidden_states = self.embed_tokens(input_ids)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
