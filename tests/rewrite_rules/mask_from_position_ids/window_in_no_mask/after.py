class TinyModel:
    def forward(
        self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs
    ):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        if (
            getattr(self.config, "sliding_window", None) or self.config.max_position_embeddings
        ) < self.config.max_position_embeddings:
            raise ValueError("with `sliding_window` below `max_position_embeddings` the cache forgets what masks show")
        target_length = past_key_values.get_seq_length() if comp_ctx_lengths is None else comp_ctx_lengths.shape[-1]
        causal_mask = _create_causal_mask(position_ids=position_ids, target_length=target_length)
        for layer in self.layers:
            hidden_states = layer(hidden_states, attention_mask=causal_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
