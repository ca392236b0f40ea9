class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, inputs_embeds, past_key_values=None, image_places=None, deep_features=None, **kwargs):
        hidden_states = inputs_embeds
        for layer_idx, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
            # what the tower saw early goes into the first layers
            if deep_features is not None and layer_idx in range(len(deep_features)):
                hidden_states = self._add_features(hidden_states, image_places, deep_features[layer_idx])
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)

    def _add_features(self, hidden_states, image_places, features):
        image_places = image_places.to(hidden_states.device)
        features = features.to(hidden_states.device, hidden_states.dtype)
        hidden_states = hidden_states.clone()
        added = hidden_states[image_places, :] + 0.5 * features
        hidden_states[image_places, :] = added
        return hidden_states


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(
        self, inputs_embeds, position_ids=None, deep_embeds=None, past_key_values=None, logits_to_keep=0, **kwargs
    ):
        outputs = self.model(
            inputs_embeds=inputs_embeds,
            position_ids=position_ids,
            deep_features=deep_embeds,
            past_key_values=past_key_values,
            **kwargs,
        )
        logits = self.lm_head(outputs.last_hidden_state)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
