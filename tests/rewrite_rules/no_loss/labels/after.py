class TinyForCausalLM:
    def forward(self, input_ids, past_key_values=None, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(outputs.last_hidden_state)

        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
