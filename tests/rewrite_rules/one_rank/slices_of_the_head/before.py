class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, past_key_values=None, use_cache=None, logits_to_keep=0, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        hidden_states = outputs.last_hidden_state
        if self.config.pretraining_tp > 1:
            slices = self.lm_head.weight.split(self.vocab_size // self.config.pretraining_tp, dim=0)
            logits = torch.cat([F.linear(hidden_states, slices[i]) for i in range(self.config.pretraining_tp)], dim=-1)
        else:
            logits = self.lm_head(hidden_states)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        """Run the layers."""
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
