class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.model = TinyModel(config)

    def forward(self, input_ids, past_key_values=None, logits_to_keep=0, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        hidden_states = outputs.last_hidden_state
        # Only compute necessary logits
        slice_indices = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(hidden_states[:, slice_indices, :])
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
