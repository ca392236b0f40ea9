class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        outputs = self.model(input_ids, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(outputs[0] / outputs[0].norm(dim=1))
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
