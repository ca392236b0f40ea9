class TinyModel:
    def forward(self, inputs_embeds, attention_mask=None, past_key_values=None, **kwargs):
        masks = {"hybrid": create_causal_mask(self.config, inputs_embeds, attention_mask)}
        for decoder_layer in self.layers:
            inputs_embeds = decoder_layer(
                inputs_embeds, attention_mask=masks["hybrid"], past_key_values=past_key_values, **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds, past_key_values=past_key_values)
