class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)

        # initialized if needed
        if use_cache and past_key_values is None:
            cache_config = copy.deepcopy(self.config)
            self.config.num_hidden_layers = self.config.decoder_layers
            past_key_values = DynamicCache(config=cache_config)

        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        # what the model gives
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
