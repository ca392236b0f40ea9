class TinyModel:
    def forward(
        self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs
    ):
        inputs_embeds = self.embed_tokens(input_ids)
        hidden_states = inputs_embeds
        batch_size, seq_length, _ = inputs_embeds.shape
        bias = self.alibi_cached[:, :, :target_length].repeat(batch_size, 1, 1).to(inputs_embeds.dtype)
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
        slots = torch.ones((1, self.config.max_position_embeddings), device=self.device, dtype=torch.long)
        self.register_buffer("alibi_cached", make_bias(slots, self.num_heads, dtype=torch.float32), persistent=False)
