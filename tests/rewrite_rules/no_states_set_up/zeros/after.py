class TinyModel:
    def forward(self, inputs_embeds, position_ids, past_key_values=None, use_cache=None, **kwargs):
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)

        for i, decoder_layer in enumerate(self.layers):
            inputs_embeds = decoder_layer(inputs_embeds, position_ids, past_key_values=past_key_values, **kwargs)
        return BaseModelOutput(last_hidden_state=inputs_embeds)
