class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)

        mask_function = create_causal_mask if self.config.sliding_window is None else create_sliding_window_causal_mask
        if self.config.chunked:
            mask_function = create_chunked_causal_mask
        causal_mask = mask_function(config=self.config, attention_mask=attention_mask, position_ids=position_ids)
        for i, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
