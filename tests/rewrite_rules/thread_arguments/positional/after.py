class TinyModel:
    def forward(
        self,
        input_ids,
        position_ids=None,
        past_key_values=None,
        batch_index: torch.LongTensor | None = None,
        comp_ctx_lengths: torch.LongTensor | None = None,
        **kwargs,
    ):
        hidden_states = self.embed_tokens(input_ids)
        causal_mask = create_causal_mask(config=self.config, position_ids=position_ids)
        for block in self.layers:
            hidden_states = block(
                hidden_states, causal_mask, past_key_values, position_ids=position_ids, batch_index=batch_index
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
