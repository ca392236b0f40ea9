class TinyModel:
    def forward(self, input_ids, past_key_values=None, use_cache=None, **kwargs):
        # A cache for the decoder.
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        if use_cache:
            if self.config.add_cross_attention and not isinstance(past_key_values, EncoderDecoderCache):
                past_key_values = EncoderDecoderCache(past_key_values, DynamicCache(config=self.config))

        hidden_states = self.embed_tokens(input_ids)
        for decoder_layer in self.layers:
            if self.model_parallel:
                torch.cuda.set_device(hidden_states.device)
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
