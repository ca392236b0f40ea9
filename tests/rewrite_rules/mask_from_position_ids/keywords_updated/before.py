class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)

        mask_kwargs = {"config": self.config, "attention_mask": attention_mask, "position_ids": position_ids}
        mask_kwargs.update({"and_mask_function": self.same_segment(input_ids)})
        causal_mask = create_causal_mask(**mask_kwargs)
        for i, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
