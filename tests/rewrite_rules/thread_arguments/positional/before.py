class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        causal_mask = create_causal_mask(config=self.config, position_ids=position_ids)
        for block in self.layers:
            hidden_states = block(hidden_states, causal_mask, past_key_values, position_ids=position_ids)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
