class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, index) for index in range(config.num_hidden_layers)])

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        inputs_embeds = self.embed_tokens(input_ids)
        linear_attention = attention_mask if inputs_embeds.shape[1] != 1 else None
        hidden_states = inputs_embeds
        for layer in self.layers:
            hidden_states = layer(hidden_states, linear_attention, past_key_values=past_key_values)
        return hidden_states
