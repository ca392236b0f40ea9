class TinyForCausalLM:
    def forward(self, input_ids, past_key_values=None, labels=None, output_router_logits=None, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(outputs.last_hidden_state)

        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, self.vocab_size, **kwargs)

        return MoeCausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=outputs.past_key_values)
