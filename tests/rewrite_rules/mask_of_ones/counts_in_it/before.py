class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        batch_size, seq_length, _ = hidden_states.shape
        seen = past_key_values.get_seq_length() if past_key_values is not None else 0
        total = seq_length + seen
        if attention_mask is None:
            # Without padding, the number of keys is all it takes.
            length = past_key_values.get_mask_sizes(seq_length, 0)[0] if past_key_values is not None else total
            bias = self.slopes * torch.arange(length)
        else:
            attention_mask = attention_mask.to(hidden_states.device)
            seen = attention_mask.sum()
            bias = self.slopes_of(attention_mask)
        causal_mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, bias=bias)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
