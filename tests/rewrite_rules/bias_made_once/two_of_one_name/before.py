class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.num_heads = config.num_heads
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def build_bias(self, num_heads, length, device=None):
        return torch.arange(1 - length, 1, device=device).view(1, 1, length) / num_heads

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        # One row for every head
        bias = self.build_bias(self.num_heads, self.config.max_seq_len, device=hidden_states.device)
        if use_cache:
            bias = self.build_bias(self.num_heads, self.config.hidden_size, device=hidden_states.device)
        causal_mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, bias=bias, attention_mask=causal_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
