class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, token_type_ids=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        mask_kwargs = {
            "config": self.config,
            "inputs_embeds": hidden_states,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
        }
        if token_type_ids is not None:
            raise ValueError("`token_type_ids` opens the mask to later tokens, which the KV cache does not hold yet")
        causal_mask = create_causal_mask(**mask_kwargs)
        for layer in self.layers:
            hidden_states = layer(hidden_states, causal_mask, past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
