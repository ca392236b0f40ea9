class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.model = TinyModel(config)

    def forward(self, input_ids, past_key_values=None, **kwargs):
        r"""
        Example:

        >>> model = TinyForCausalLM.from_pretrained("tiny")
        """
        # The body proper.
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state))
