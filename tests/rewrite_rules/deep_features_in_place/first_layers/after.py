class TinyModel:
    def forward(self, inputs_embeds, past_key_values=None, image_places=None, deep_features=None, **kwargs):
        hidden_states = inputs_embeds
        for layer_idx, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
            # what the tower saw early goes into the first layers
            if deep_features is not None and layer_idx in range(len(deep_features)):
                hidden_states = hidden_states + deep_features[layer_idx].to(hidden_states.dtype)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
