class TinyForCausalLM:
    def forward(
        self,
        input_ids,
        position_ids=None,
        past_key_values=None,
        num_logits_to_keep: torch.LongTensor | None = None,
        **kwargs,
    ):
        outputs = self.model(input_ids, position_ids=position_ids, past_key_values=past_key_values, **kwargs)
        hidden_states = outputs.last_hidden_state
        logit_index = position_ids.to(torch.int32).argmax(1, keepdim=True)
        if num_logits_to_keep is not None:
            num_logits = num_logits_to_keep.shape[0]
            logit_index = (logit_index - num_logits + 1).clamp(min=0) + torch.arange(num_logits)
        hidden_states = hidden_states[torch.arange(position_ids.shape[0]).view(-1, 1), logit_index]
        logits = self.lm_head(hidden_states)
        return CausalLMOutputWithPast(logits=logits.float(), past_key_values=outputs.past_key_values)
