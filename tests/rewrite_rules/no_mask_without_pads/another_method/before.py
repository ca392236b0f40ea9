class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, index) for index in range(config.num_hidden_layers)])

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        linear_mask = self._update_linear_mask(attention_mask, past_key_values)
        for layer in self.layers:
            hidden_states = layer(hidden_states, linear_mask, past_key_values=past_key_values)
        return hidden_states

    def _update_linear_mask(self, attention_mask, past_key_values):
        linear_mask = torch.ones(1, 1) if attention_mask is None else attention_mask
        if past_key_values is not None and past_key_values.has_previous_state():
            linear_mask = None
        return linear_mask
