class TinyModel:
    def forward(
        self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs
    ):
        hidden_states = self.embed_tokens(input_ids)
        # One row for every head
        bias = self.bias_cached
        causal_mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
        )
        for layer in self.layers:
            hidden_states = layer(
                hidden_states, bias=bias, attention_mask=causal_mask, past_key_values=past_key_values
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)

    def __qeff_init__(self):
        self.register_buffer(
            "bias_cached",
            self.build_bias(self.num_heads, self.config.max_seq_len, device=self.device),
            persistent=False,
        )
