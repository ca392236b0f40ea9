class TinyForCausalLM:
    def forward(self, input_ids, past_key_values=None, use_cache=None, logits_to_keep=0, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        hidden_states = outputs.last_hidden_state
        logits = self.lm_head(slice_logits_to_keep(hidden_states, logits_to_keep)).float()
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
