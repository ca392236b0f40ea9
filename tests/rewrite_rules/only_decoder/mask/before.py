class TinyModel(PreTrainedModel):
    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):
        if self.config.is_decoder:
            use_cache = use_cache if use_cache is not None else self.config.use_cache
        else:
            use_cache = False
        hidden_states = self.embed_tokens(input_ids)
        if self.config.is_decoder:
            attention_mask = create_causal_mask(config=self.config, attention_mask=attention_mask)
        else:
            attention_mask = create_bidirectional_mask(config=self.config, attention_mask=attention_mask)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, attention_mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)

    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])
