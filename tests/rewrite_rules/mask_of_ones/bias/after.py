class TinyModel:
    def forward(
        self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs
    ):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        batch_size, seq_length, _ = hidden_states.shape
        seen = past_key_values.get_seq_length() if past_key_values is not None else 0
        total = seq_length + seen
        attention_mask = torch.ones((batch_size, total), device=hidden_states.device)
        bias = self.slopes_of(attention_mask)
        causal_mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
        )
        for layer in self.layers:
            hidden_states = layer(
                hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, bias=bias
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
