class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])
        self.model_parallel = False

    def forward(self, input_ids, past_key_values=None, use_cache=None, **kwargs):
        # A cache for the decoder.
        if use_cache:
            if past_key_values is None:
                past_key_values = DynamicCache(config=self.config)
            elif isinstance(past_key_values, tuple):
                logger.warning_once("Passing a tuple of `past_key_values` is deprecated.")
                past_key_values = DynamicCache.from_legacy_cache(past_key_values)

            if self.config.add_cross_attention and not isinstance(past_key_values, EncoderDecoderCache):
                past_key_values = EncoderDecoderCache(past_key_values, DynamicCache(config=self.config))

        hidden_states = self.embed_tokens(input_ids)
        for decoder_layer in self.layers:
            if self.model_parallel:
                torch.cuda.set_device(hidden_states.device)
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
