class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, past_key_values=None, token_type_ids=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        mask_kwargs = {
            "config": self.config,
            "inputs_embeds": hidden_states,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
        }
        is_first_call = past_key_values is None or not past_key_values.is_initialized
        if token_type_ids is not None and is_first_call:
            hidden_states = hidden_states + self.token_types(token_type_ids)
        causal_mask = create_causal_mask(**mask_kwargs)
        for layer in self.layers:
            hidden_states = layer(hidden_states, causal_mask, past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
