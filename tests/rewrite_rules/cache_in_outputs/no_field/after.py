class TinyModel:
    def forward(self, inputs_embeds, position_ids, past_key_values=None, use_cache=None, **kwargs):
        if use_cache and past_key_values is None:
            self._setup_cache(self.config, inputs_embeds.shape[0], inputs_embeds.device, inputs_embeds.dtype)
            past_key_values = DynamicCache(config=self.config)

        for i, decoder_layer in enumerate(self.layers):
            inputs_embeds = decoder_layer(inputs_embeds, position_ids, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds, past_key_values=past_key_values)


class TinyForCausalLM:
    def forward(self, inputs_embeds, position_ids, past_key_values=None, **kwargs) -> CausalLMOutputWithPast:
        outputs = self.model(
            inputs_embeds=inputs_embeds, position_ids=position_ids, past_key_values=past_key_values, **kwargs
        )
        logits = self.lm_head(outputs.last_hidden_state)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
