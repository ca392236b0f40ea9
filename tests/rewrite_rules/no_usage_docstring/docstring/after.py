class TinyForCausalLM:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        # The body proper.
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state))
