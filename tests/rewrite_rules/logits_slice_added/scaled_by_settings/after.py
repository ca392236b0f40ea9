class TinyForCausalLM:
    def forward(
        self,
        input_ids,
        attention_mask=None,
        past_key_values=None,
        logits_to_keep: int | torch.Tensor | None = None,
        **kwargs,
    ):
        outputs = self.model(input_ids, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(
            slice_logits_to_keep(outputs[0], logits_to_keep) / (self.config.hidden_size / self.config.base_size)
        )
        return CausalLMOutputWithPast(logits=logits, past_key_values=outputs.past_key_values)
