class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.register_buffer("waves", torch.ones((128, 16)), persistent=False)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids) * self.waves[0]
        # The table follows the model.
        self.waves = self.waves.to(device=hidden_states.device, dtype=hidden_states.dtype)
        hidden_states = hidden_states + self.waves[position_ids, :]
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
