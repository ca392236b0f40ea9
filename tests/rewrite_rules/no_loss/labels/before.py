class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.model = TinyModel(config)

    def forward(self, input_ids, past_key_values=None, labels=None, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(outputs.last_hidden_state)

        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)

        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=outputs.past_key_values)
