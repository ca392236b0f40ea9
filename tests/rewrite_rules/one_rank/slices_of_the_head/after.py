class TinyModel:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        """Run the layers."""
        if self.config.pretraining_tp > 1:
            raise ValueError("with `config.pretraining_tp` of more than 1 projections are computed in slices")
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)


class TinyForCausalLM:
    def forward(self, input_ids, past_key_values=None, use_cache=None, logits_to_keep=0, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        hidden_states = outputs.last_hidden_state
        logits = self.lm_head(hidden_states)
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
