class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.encoder = TinyStack(config)

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):
        encoder_outputs = self.encoder(
            self.embed_tokens(input_ids), attention_mask, past_key_values=past_key_values, use_cache=use_cache
        )
        return BaseModelOutputWithPast(
            last_hidden_state=encoder_outputs.last_hidden_state, past_key_values=encoder_outputs.past_key_values
        )


class TinyStack(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):
        if use_cache:
            past_key_values = DynamicCache(config=self.config)
        for layer_module in self.layer:
            hidden_states = layer_module(hidden_states, attention_mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
