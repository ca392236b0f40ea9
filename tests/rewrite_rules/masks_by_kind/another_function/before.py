class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, inputs_embeds, attention_mask=None, past_key_values=None, **kwargs):
        mask_kwargs = {"config": self.config, "inputs_embeds": inputs_embeds, "attention_mask": attention_mask}
        builders = {
            "full_attention": create_causal_mask,
            "sliding_attention": self.other_mask,
        }
        masks = {kind: builders[kind](**mask_kwargs) for kind in set(self.config.layer_types)}
        hidden_states = inputs_embeds
        for i, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(
                hidden_states,
                attention_mask=masks[self.config.layer_types[i]],
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
