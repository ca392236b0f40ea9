class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.model = TinyModel(config)

    def forward(self, input_ids, position_ids=None, past_key_values=None, logits_to_keep=0, **kwargs):
        outputs = self.model(input_ids, position_ids=position_ids, past_key_values=past_key_values, **kwargs)
        hidden_states = outputs.last_hidden_state
        hidden_states = slice_logits_to_keep(hidden_states, logits_to_keep)
        logits = self.lm_head(hidden_states)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
